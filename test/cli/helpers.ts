import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from '../../scripts/run-command.ts';

/** The real program, as a shell sees it, on homes of its own. */

export const MAIN = join(ROOT, 'src', 'cli', 'main.ts');

/** The path of a compiled guest. */
export function guest(name: string): string {
  const path = join(ROOT, 'build', 'guests', `${name}.wasm`);
  assert.ok(existsSync(path), `${path} is not there: \`npm run guests\` makes it`);
  return path;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Surroundings {
  /** Default: nothing, and its end. */
  readonly stdin?: string | Uint8Array;
  /** Beside the test's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A folder with a home in it, removed at the end. Compiled code is kept there too, as the launcher keeps it for users: starts take a third of the time. */
export class Place implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'docket-cli-'));
  readonly home = join(this.folder, 'home');

  at(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, content: string | Uint8Array): string {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content);
    return this.at(name);
  }

  start(args: readonly string[], { env = {}, cwd = this.folder }: Surroundings = {}): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [MAIN, ...args], {
      cwd,
      env: { ...process.env, DOCKET_HOME: this.home, NODE_COMPILE_CACHE: this.at('compiled'), ...env },
    });
  }

  async docket(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
    const child = this.start(args, surroundings);
    const status = new Promise<number | null>((resolve) => child.on('close', resolve));
    child.stdin.on('error', () => {}).end(surroundings.stdin ?? '');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { status: await status, stdout, stderr };
  }

  /** Its stdout; fails the test unless the status is 0. */
  async out(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.docket(args);
    assert.equal(status, 0, `docket ${args.join(' ')}\n${stderr}`);
    return stdout;
  }

  /** Its one JSON document, whatever the status. */
  async json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    const { stdout, stderr } = await this.docket([...args, '--json']);
    assert.match(stdout, /^[^\n]+\n$/, `one document on one line and nothing else\n${stderr}`);
    return JSON.parse(stdout) as T;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What `docket run --json` prints. */
export interface Report {
  readonly run: string;
  readonly workflow: string;
  readonly state: string;
  readonly tasks: Readonly<Record<'total' | 'ran' | 'cached' | 'failed' | 'skipped' | 'cancelled', number>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly errors: readonly { readonly task: string; readonly code: string; readonly message: string; readonly skipped: number }[];
  readonly seconds: number;
}

/** What a failed command prints with `--json`. */
export interface Failure {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly next: string;
    readonly place: unknown;
    readonly problems?: readonly unknown[];
  };
}

/** A `bytes` value in DAG-JSON, as text. */
export function bytesOf(value: unknown): string {
  const { bytes } = (value as { '/': { bytes: string } })['/'];
  return Buffer.from(bytes, 'base64').toString();
}
