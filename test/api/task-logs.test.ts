import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import wabt from 'wabt';
import * as Cid from '../../src/ipld/cid.ts';
import { adapted } from '../commands.ts';
import { Door, type Problem } from './helpers.ts';

/** What a task writes, while it does and afterwards. */

const assembler = await wabt();

function wat(text: string): Uint8Array {
  const parsed = assembler.parseWat('guest.wat', text);
  try {
    return parsed.toBinary({}).buffer;
  } finally {
    parsed.destroy();
  }
}

/** A command whose `$say` writes so many bytes from an address to a descriptor. */
const command = (data: string, body: string): Uint8Array =>
  wat(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 4) (data (i32.const 64) "${[...Buffer.from(data)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}")
    (func $say (param $fd i32) (param $at i32) (param $length i32)
      (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $length))
      (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start") ${body}))`);

const say = (fd: number, at: number, length: number): string => `(call $say (i32.const ${fd}) (i32.const ${at}) (i32.const ${length}))`;
const FOREVER = '(loop $l (br $l))';
const TALKS = command('out\nerr\n', `${say(1, 64, 4)} ${say(2, 68, 4)} ${FOREVER}`);

let door: Door;
before(async () => void (door = await Door.open({ slots: 3 })));
after(() => door[Symbol.asyncDispose]());

interface Begun {
  readonly run: string;
  readonly task: string;
}

/** Starts a run of one task. */
async function begin(module: Uint8Array, more = ''): Promise<Begun> {
  await door.ask('POST', '/v1/blobs', { body: module });
  const text = `tasks:\n  only:\n    module: ipfs://${Cid.ofBlob(module)}\n${more}`;
  const submitted = await door.ask('POST', '/v1/runs', { body: text });
  assert.equal(submitted.status, 201, await submitted.clone().text());
  const { run } = (await submitted.json()) as { run: string };
  const { tasks } = (await (await door.ask('GET', `/v1/runs/${run}/tasks`)).json()) as { tasks: { instruction: string }[] };
  return { run, task: tasks[0]!.instruction };
}

interface Event {
  readonly kind: string;
  readonly data: Record<string, unknown>;
}

/** Events of a task as they come. */
async function* follow(task: string): AsyncGenerator<Event> {
  const reply = await door.ask('GET', `/v1/tasks/${task}/logs?follow=true`);
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('content-type'), 'text/event-stream');
  let text = '';
  for await (const chunk of reply.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, kind, data] = /^id: \d+\nevent: (\w+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (kind !== undefined) yield { kind, data: JSON.parse(data!) as Event['data'] };
    }
  }
}

const cancel = (run: string): Promise<Response> => door.ask('POST', `/v1/runs/${run}/cancel`);

async function problem(path: string): Promise<string> {
  const reply = await door.ask('GET', path);
  return `${reply.status} ${((await reply.json()) as Problem).code}`;
}

describe('of a task that runs', () => {
  const checkTold = async (module: Uint8Array): Promise<void> => {
    const { run, task } = await begin(module);
    for (const reader of [follow(task), follow(task)]) {
      assert.deepEqual((await reader.next()).value, { kind: 'stdout', data: { at: 0, text: 'out\n' } });
      assert.deepEqual((await reader.next()).value, { kind: 'stderr', data: { at: 0, text: 'err\n' } });
      await reader.return(undefined);
    }
    assert.equal(((await (await door.ask('GET', `/v1/tasks/${task}/logs`)).json()) as { state: string }).state, 'running');
    assert.equal(await problem(`/v1/tasks/${task}/logs?stream=stdout`), '404 RECEIPT_UNKNOWN');
    const last = follow(task);
    await last.next();
    await last.next();
    assert.equal((await cancel(run)).status, 200);
    const { value } = await last.next();
    assert.equal(value?.kind, 'ended');
    assert.equal(value.data['state'], 'failed');
    assert.match(String(value.data['failure']), /\[cancelled\]$/);
    assert.equal((await last.next()).done, true);
  };

  test('what it writes is told before it ends, also to who comes later', () => checkTold(TALKS));

  test('also what a component writes', async () => checkTold(await adapted(TALKS)));

  test('what is too much is left out, and that is told; the receipt has all of it', async () => {
    // 200 KB in one go, of which the last 16 KiB are told.
    const floods = command('', `(memory.fill (i32.const 1024) (i32.const 120) (i32.const 200000)) ${say(1, 1024, 200_000)}`);
    const { task } = await begin(floods);
    const events = await Array.fromAsync(follow(task));
    const told = events.filter(({ kind }) => kind === 'stdout').reduce((sum, { data }) => sum + String(data['text']).length, 0);
    const gaps = events.filter(({ kind }) => kind === 'gap').reduce((sum, { data }) => sum + Number(data['bytes']), 0);
    assert.equal(told + gaps, 200_000);
    assert.deepEqual(events.at(-1)?.data['state'], 'ok');
    assert.equal((await (await door.ask('GET', `/v1/tasks/${task}/logs?stream=stdout`)).text()).length, 200_000);
  });

  test('one that waits for its turn can be followed', async () => {
    const talking = await Promise.all(['1', '2', '3'].map((nonce) => begin(TALKS, `    nonce: "${nonce}"\n`)));
    const ready = talking.map(({ task }) => follow(task).next());
    await Promise.all(ready);
    const { run, task } = await begin(TALKS, '    nonce: "4"\n');
    const reader = follow(task);
    const first = reader.next();
    await cancel(talking[0]!.run);
    assert.deepEqual((await first).value?.data, { at: 0, text: 'out\n' });
    // Again the one that was cancelled: it is the next turn that counts, not how it ended then.
    const again = await begin(TALKS, '    nonce: "1"\n');
    assert.equal(again.task, talking[0]!.task);
    const second = follow(again.task);
    const next = second.next();
    await cancel(run);
    assert.deepEqual((await next).value?.data, { at: 0, text: 'out\n' });
    await Promise.all([again, ...talking.slice(1)].map((other) => cancel(other.run)));
    await second.return(undefined);
    await reader.return(undefined);
  });
});

describe('of a task that ended', () => {
  test('its receipt tells what it wrote', async () => {
    const { task } = await begin(command('a line\n½', `${say(1, 64, 9)} ${say(2, 64, 6)} (call $exit (i32.const 3))`));
    const followed = await Array.fromAsync(follow(task));
    assert.equal(followed.at(-1)?.kind, 'ended');
    // Now from the receipt.
    const events = await Array.fromAsync(follow(task));
    assert.deepEqual(
      events.map(({ kind, data }) => [kind, data['text'] ?? data['state']]),
      [
        ['stdout', 'a line\n½'],
        ['stderr', 'a line'],
        ['ended', 'failed'],
      ],
    );
    const summary = (await (await door.ask('GET', `/v1/tasks/${task}/logs`)).json()) as Record<string, unknown>;
    assert.deepEqual(
      [summary['state'], summary['stdout'], summary['stderr']],
      ['failed', { size: 9, text: 'a line\n½' }, { size: 6, text: 'a line' }],
    );
    assert.equal(summary['receipt'], events.at(-1)?.data['receipt']);
    assert.equal(await (await door.ask('GET', `/v1/tasks/${task}/logs?stream=stderr`)).text(), 'a line');
  });

  test('what is not known, or no task, is told as that', async () => {
    const nobody = Cid.ofValue({ no: 'task' });
    for (const query of ['', '?follow=true', '?stream=stdout'])
      assert.equal(await problem(`/v1/tasks/${nobody}/logs${query}`), '404 TASK_UNKNOWN');
    assert.equal(await problem('/v1/tasks/nonsense/logs'), '400 REQUEST_INVALID');
    assert.equal(await problem(`/v1/tasks/${nobody}/logs?follow=true&stream=stdout`), '400 REQUEST_INVALID');
  });
});
