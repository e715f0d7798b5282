import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, hash, sign } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

/**
 * The least program that does what a task needs, written by hand for one kind of task: name it by a hash, give it to a runner process, make a
 * fresh instance of a compiled module and call it, sign what came out, and make that durable in SQLite by group commit. No graph, no keys, no look-ups, no
 * limits, no values, no crash recovery. What Docket costs beyond this is the price of those.
 */

/** A task and its answer on the pipe: its number. */
const MESSAGE = 4;
/** Most tasks given to a runner at a time. */
const MOST = 64;
const GROUP = 256;

interface FloorOptions {
  /** Path of a file that is not there yet. */
  readonly database: string;
  readonly tasks: number;
  readonly runners: number;
  /** Tasks given to a runner at a time, at most and by default 64; 1 for tasks that wait for each other. */
  readonly window?: number;
}

/** Tasks per second. */
export async function floorRate(module: Buffer, { database, tasks, runners, window = MOST }: FloorOptions): Promise<number> {
  using db = new DatabaseSync(database);
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE receipts (key BLOB PRIMARY KEY, receipt BLOB, signature BLOB) WITHOUT ROWID',
  );
  const insert = db.prepare('INSERT INTO receipts VALUES (?, ?, ?)');
  const { privateKey } = generateKeyPairSync('ed25519');
  const children = Array.from({ length: runners }, () => startRunner(module));
  await Promise.all(children.map((child) => new Promise((resolve) => answersOf(child).once('readable', resolve))));
  for (const child of children) answersOf(child).read(MESSAGE);

  const began = performance.now();
  const keys: Buffer[] = [];
  let waiting: [Buffer, Buffer, Buffer][] = [];
  let done = 0;
  const commit = (): void => {
    db.exec('BEGIN');
    for (const row of waiting) insert.run(...row);
    db.exec('COMMIT');
    waiting = [];
  };
  await new Promise<void>((resolve) => {
    for (const child of children) {
      const jobs = jobsOf(child);
      const give = (count: number): void => {
        const batch = Buffer.alloc(count * MESSAGE);
        let given = 0;
        for (; given < count && keys.length < tasks; given++) {
          batch.writeUInt32LE(keys.length, given * MESSAGE);
          keys.push(hash('sha3-256', JSON.stringify({ module: 'noop', func: 'noop', nonce: keys.length }), 'buffer'));
        }
        if (given > 0) jobs.write(batch.subarray(0, given * MESSAGE));
      };
      answersOf(child).on('data', (chunk: Buffer) => {
        for (let at = 0; at + MESSAGE <= chunk.length; at += MESSAGE) {
          const key = keys[chunk.readUInt32LE(at)]!;
          const receipt = Buffer.from(JSON.stringify({ ran: key.toString('hex'), out: ['ok', null], at: Date.now() }));
          waiting.push([key, receipt, sign(null, receipt, privateKey)]);
          if (waiting.length === GROUP) commit();
          done++;
        }
        give(chunk.length / MESSAGE);
        if (done === tasks) resolve();
      });
      give(window);
    }
  });
  commit();
  const rate = (tasks / (performance.now() - began)) * 1000;
  for (const child of children) child.kill();
  return rate;
}

function startRunner(module: Buffer): ChildProcess {
  const args = [fileURLToPath(import.meta.url), RUNNER, module.toString('base64')];
  return spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'] });
}

function jobsOf({ stdio }: ChildProcess): Writable {
  return stdio[3] as Writable;
}

function answersOf({ stdio }: ChildProcess): Readable {
  return stdio[4] as Readable;
}

function run(module: WebAssembly.Module): void {
  const chunk = Buffer.alloc(MOST * MESSAGE);
  writeSync(4, chunk, 0, MESSAGE);
  for (let count = readSync(3, chunk); count > 0; count = readSync(3, chunk)) {
    for (let at = 0; at < count; at += MESSAGE) {
      const { noop } = new WebAssembly.Instance(module).exports as { noop: () => void };
      noop();
      writeSync(4, chunk, at, MESSAGE);
    }
  }
}

const RUNNER = '--floor-runner';
if (process.argv[2] === RUNNER) run(new WebAssembly.Module(Buffer.from(process.argv[3]!, 'base64')));
