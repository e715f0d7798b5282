import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processStat } from '../../src/base/process-stat.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { sha256, sha3 } from '../../src/ipld/hash.ts';
import type { Change } from '../../src/ledger/change.ts';

/** A folder that is gone when the test is over. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'docket-ledger-'));

  at(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Has the file of a ledger hold all there is: a short log lies beside it else. Nobody else has it open. */
export function tidy(path: string): void {
  using db = new DatabaseSync(path);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function key(text: string): Uint8Array {
  return sha3(bytes(text));
}

export function hex(content: Uint8Array): string {
  return Buffer.from(sha256(content)).toString('hex');
}

/** A receipt whose bytes hold `text`. */
export function receipt(text: string, instruction = `instruction of ${text}`): Extract<Change, { kind: 'receipt' }> {
  return {
    kind: 'receipt',
    cid: Cid.ofValueBytes(bytes(text)),
    instruction: Cid.ofValueBytes(bytes(instruction)),
    invocation: Cid.ofValueBytes(bytes(`invocation of ${text}`)),
    bytes: bytes(text),
    at: 1_700_000_000_000,
  };
}

/** Files the receipt `text` under the resolved key of `name`. */
export function resolved(name: string, text: string, out: string, replace = false): Change {
  return {
    kind: 'memo',
    table: 'resolved',
    key: key(name),
    preimage: bytes(`preimage of ${name}`),
    label: name,
    receipt: receipt(text).cid,
    out: key(out),
    replace,
  };
}

export function small(...texts: string[]): Extract<Change, { kind: 'small' }> {
  return { kind: 'small', blobs: new Map(texts.map((text) => [hex(bytes(text)), bytes(text)])) };
}

export function run(id: string, name = 'a run'): Change {
  return {
    kind: 'run',
    run: id,
    name,
    workflow: Cid.ofValueBytes(bytes(name)),
    plan: null,
    options: { slots: 2 },
    tasks: 3,
    created: 1_700_000_000_000,
  };
}

export function runTask(id: string, index: number, how: Partial<Extract<Change, { kind: 'run-task' }>> = {}): Change {
  return {
    kind: 'run-task',
    run: id,
    index,
    label: `task ${index}`,
    instruction: Cid.ofValueBytes(bytes(`instruction ${index}`)),
    state: 'ok',
    via: 'ran',
    receipt: null,
    key: null,
    attempts: 1,
    cause: null,
    ...how,
  };
}

/** A program of `fixtures/` in a process of its own, which ends with the test. */
export class Child implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, ...args: string[]) {
    this.process = spawn(process.execPath, [fileURLToPath(new URL(`fixtures/${program}`, import.meta.url)), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  /** The next line it prints; undefined at the end. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  async expect(text: string): Promise<void> {
    assert.equal(await this.line(), text);
  }

  /** Tells it to go on. */
  say(text: string): void {
    this.process.stdin!.write(`${text}\n`);
  }

  /** SIGSTOP; resolves when it stands still. */
  async suspend(): Promise<void> {
    this.process.kill('SIGSTOP');
    while (processStat(this.process.pid!)?.[0] !== 'T') await nextTurn();
  }

  /** SIGCONT; resolves when it runs again. */
  async goOn(): Promise<void> {
    this.process.kill('SIGCONT');
    while (processStat(this.process.pid!)?.[0] === 'T') await nextTurn();
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#ended();
  }

  async status(): Promise<number | null> {
    await this.#ended();
    return this.process.exitCode;
  }

  async #ended(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** A journal of `+ index name` and `- index name`: nobody got what another had. Gives the names of those who owned something. */
export function assertExclusive(journal: string): Set<string> {
  const owners = new Map<string, string>();
  const names = new Set<string>();
  for (const line of journal.trim().split('\n')) {
    const [sign, index, name] = line.split(' ') as [string, string, string];
    assert.equal(owners.get(index), sign === '+' ? undefined : name, line);
    if (sign === '+') owners.set(index, name);
    else owners.delete(index);
    names.add(name);
  }
  return names;
}
