import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import { processStat } from '../../src/base/process-stat.ts';
import { guest, MAIN, Place } from './helpers.ts';

/** Commands that wait for somebody, and signals that come meanwhile. */

const linux = { skip: process.platform !== 'linux' && 'pipes of other systems look ended until their writer comes' };

before(() => buildGuests());

test('a signal ends a command that reads a pipe nobody writes to', linux, async () => {
  using place = new Place();
  const pipe = place.at('pipe');
  execFileSync('mkfifo', [pipe]);
  for (const args of [
    ['exec', guest('noop'), '--stdin', pipe],
    ['run', pipe],
  ]) {
    const child = place.start(args);
    await opens(child, pipe);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [143, null], args.join(' '));
  }
});

test('a named pipe is read from when its writer comes until that goes', linux, async () => {
  using place = new Place();
  const pipe = place.at('pipe');
  execFileSync('mkfifo', [pipe]);
  const ended = place.docket(['exec', guest('count-words'), '--stdin', pipe]);
  const writer = openSync(pipe, 'w');
  for (const text of ['a b', ' a c\n']) writeSync(writer, text);
  closeSync(writer);
  assert.deepEqual(await ended, { status: 0, stdout: 'a\t2\nb\t1\nc\t1\n', stderr: '' });
});

test('a signal ends a command that reads what never ends', linux, async () => {
  using place = new Place();
  const child = place.start(['exec', guest('noop'), '--stdin', '/dev/zero']);
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  await opens(child, '/dev/zero');
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'close'), [130, null]);
  assert.match(said, /^docket: stopped by SIGINT \[CANCELLED\]$/m);
});

test('at Ctrl-Z a command stands still when it writes nothing, and goes on', linux, async () => {
  using place = new Place();
  const tasks = { noop: { each: Array.from({ length: 3000 }, (_, i) => String(i)), module: guest('noop'), args: ['${item}'] } };
  place.write('many.yaml', JSON.stringify({ tasks }));
  const child = place.start(['run', 'many.yaml', '--json']);
  child.stdout.resume();
  child.stderr.resume();
  const ended = once(child, 'exit');
  await catches(child, 'SIGTSTP');
  let stops = 0;
  for (; stops < 12 && child.exitCode === null; stops++) {
    child.kill('SIGTSTP');
    await until(() => child.exitCode !== null || processStat(child.pid!)?.[0] === 'T');
    if (child.exitCode === null) {
      using ledger = new DatabaseSync(join(place.home, 'ledger.db'));
      ledger.exec('BEGIN IMMEDIATE; ROLLBACK');
    }
    child.kill('SIGCONT');
    await until(() => processStat(child.pid!)?.[0] !== 'T');
    for (let turn = 0; turn < 200; turn++) await nextTurn();
  }
  assert.ok(stops > 3);
  assert.deepEqual(await ended, [0, null]);
});

test('under nohup a hang-up is not heard, and Ctrl-C is', linux, async () => {
  using place = new Place();
  // As nohup leaves stdin where it was a terminal, and stdout where that was one.
  using unreadable = new Descriptor('/dev/null', 'w');
  using empty = new Descriptor('/dev/null', 'r');
  using output = new Descriptor(place.at('nohup.out'), 'a');
  for (const stdio of [
    [unreadable.fd, 'ignore', 'ignore'],
    [empty.fd, output.fd, 'ignore'],
  ] as const) {
    const child = spawn(process.execPath, [MAIN, 'exec', guest('loop'), '--time', '10min'], {
      stdio: [...stdio],
      env: { ...process.env, DOCKET_HOME: place.home },
    });
    await catches(child, 'SIGHUP');
    child.kill('SIGHUP');
    // If the hang-up was heard after all, this is the second signal, which kills.
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [130, null]);
  }
});

class Descriptor implements Disposable {
  readonly fd: number;

  constructor(path: string, flags: string) {
    this.fd = openSync(path, flags);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** Resolves when the process has the file open. */
async function opens({ pid }: ChildProcess, file: string): Promise<void> {
  await until(() => readdirSync(`/proc/${pid}/fd`).some((fd) => targetOf(`/proc/${pid}/fd/${fd}`) === file));
}

/** Undefined if it was closed meanwhile. */
function targetOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(descriptor);
  } catch {
    return undefined;
  }
}

/** Resolves when the process has a handler for the signal. */
async function catches({ pid }: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  await until(() => (BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]}`) & bit) !== 0n);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn();
}
