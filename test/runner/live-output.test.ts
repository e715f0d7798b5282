import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { FrameDecoder, HEADER } from '../../src/runner/frames.ts';
import { LiveOutput } from '../../src/runner/live-output.ts';
import { decodeOutput, encodeOutput, type OutputFrame } from '../../src/runner/output-frame.ts';

/** What is told of a guest's output while it runs. */

const never = new AbortController().signal;

async function eventsOf(frames: readonly Partial<OutputFrame>[]): Promise<unknown[]> {
  const live = new LiveOutput();
  for (const frame of frames) live.add({ job: 1, stream: 'stdout', at: 0, bytes: new Uint8Array(0), ...frame });
  live.close();
  const events = await Array.fromAsync(live.log.read(0, never));
  return events.map(({ kind, data }) => [kind, JSON.parse(data)]);
}

const text = (value: string): Uint8Array => Buffer.from(value);

describe('events', () => {
  test('both streams, each with its place', async () => {
    assert.deepEqual(await eventsOf([{ bytes: text('a') }, { stream: 'stderr', bytes: text('b') }, { at: 1, bytes: text('c') }]), [
      ['stdout', { at: 0, text: 'a' }],
      ['stderr', { at: 0, text: 'b' }],
      ['stdout', { at: 1, text: 'c' }],
      ['told', { stdout: 2, stderr: 1 }],
    ]);
  });

  test('a character that comes in two parts is one; half of one at a gap or the end is told as wrong', async () => {
    const half = text('½');
    assert.deepEqual(await eventsOf([{ bytes: half.subarray(0, 1) }, { at: 1, bytes: half.subarray(1) }]), [
      ['stdout', { at: 0, text: '' }],
      ['stdout', { at: 1, text: '½' }],
      ['told', { stdout: 2, stderr: 0 }],
    ]);
    assert.deepEqual(await eventsOf([{ bytes: half.subarray(0, 1) }, { at: 9, bytes: half.subarray(0, 1) }]), [
      ['stdout', { at: 0, text: '' }],
      ['stdout', { at: 1, text: '�' }],
      ['gap', { stream: 'stdout', bytes: 8 }],
      ['stdout', { at: 9, text: '' }],
      ['stdout', { at: 10, text: '�' }],
      ['told', { stdout: 10, stderr: 0 }],
    ]);
  });

  test('what was told already is not told again', async () => {
    assert.deepEqual(await eventsOf([{ bytes: text('abc') }, { at: 1, bytes: text('x') }]), [
      ['stdout', { at: 0, text: 'abc' }],
      ['told', { stdout: 3, stderr: 0 }],
    ]);
  });
});

test('a message comes out as it went in, and what is none is refused', () => {
  const frame: OutputFrame = { job: 7, stream: 'stderr', at: 2 ** 40, bytes: text('hello') };
  const [message] = new FrameDecoder().push(encodeOutput(frame));
  assert.deepEqual({ ...decodeOutput(message!), bytes: text('hello') }, frame);
  assert.equal(Buffer.from(decodeOutput(message!).bytes).toString(), 'hello');
  for (const at of [-1, 0.5, Infinity, NaN])
    assert.throws(() => decodeOutput(encodeOutput({ ...frame, at }).subarray(HEADER)), { code: 'INTERNAL' });
  const unknown = Uint8Array.from(message!);
  unknown[4] = 2;
  for (const bytes of [unknown, new Uint8Array(0), message!.subarray(0, 12)])
    assert.throws(() => decodeOutput(bytes), { code: 'INTERNAL' });
});

test('a pipe that nobody reads makes no guest wait, and every message in it is whole', async () => {
  const program = fileURLToPath(new URL('./live-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  const pipe = child.stdio[3] as Readable;
  pipe.pause();
  // It would never come if the process waited for us.
  assert.equal(String((await once(child.stdout!, 'data'))[0]), 'done');
  const messages = new FrameDecoder();
  const frames: OutputFrame[] = [];
  for await (const chunk of pipe) {
    for (const message of messages.push(chunk as Buffer)) frames.push(decodeOutput(message));
    if (frames.at(-1)?.stream === 'stderr') child.stdin!.end();
  }
  assert.ok(messages.isEmpty, 'the last message was finished');
  assert.equal(frames.at(-1)?.stream, 'stderr', 'and others came after it');
  let end = 0;
  for (const { job, stream, at, bytes } of frames.filter((frame) => frame.stream === 'stdout')) {
    assert.deepEqual([job, stream], [7, 'stdout']);
    assert.ok(at >= end && bytes.every((byte, i) => byte === (at + i) % 251));
    end = at + bytes.length;
  }
  assert.ok(end < 4 << 20, 'not all went through');
});
