import assert from 'node:assert/strict';
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  #agent: ReturnType<typeof startOn> | undefined;

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
      env: { ...process.env, DOCKET_HOME: this.home, NODE_COMPILE_CACHE: this.at('compiled'), ...env, ...this.#agentFor(args) },
    });
  }

  /** Where commands are to work at an agent, the variables that send them there: to one on this home, started at the first of them. */
  #agentFor([command]: readonly string[]): Readonly<Record<string, string>> {
    if (process.env[AT_AGENT] === undefined || command === 'agent' || command === 'help') return {};
    this.#agent ??= startOn(this.home);
    return this.#agent.variables;
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
    this.#agent?.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Set, it has every command of a test work at an agent instead of on the home. */
export const AT_AGENT = 'DOCKET_TEST_AT_AGENT';

/** An agent on a home. Waits without turning the event loop, since commands are started that way. */
function startOn(home: string): { readonly child: ChildProcess; readonly variables: Readonly<Record<string, string>> } {
  const args = [MAIN, 'agent', '--listen', '127.0.0.1:0', '--slots', '2'];
  const child = spawn(process.execPath, args, { stdio: 'ignore', env: { ...process.env, DOCKET_HOME: home } });
  child.unref();
  const file = join(home, 'agent.json');
  const clock = new Int32Array(new SharedArrayBuffer(4));
  // The file is there a moment before what it says.
  for (let looks = 0; !existsSync(file) || readFileSync(file).length === 0; looks++) {
    assert.ok(looks < 3_000, 'the agent does not start');
    Atomics.wait(clock, 0, 0, 20);
  }
  const { url } = JSON.parse(readFileSync(file, 'utf8')) as { readonly url: string };
  return { child, variables: { DOCKET_AGENT: url, DOCKET_TOKEN: readFileSync(join(home, 'token'), 'utf8').trim() } };
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
