import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/base/clock.ts';
import { MAIN } from '../cli/helpers.ts';

/** How long an agent may take to end in order, in ms. */
const LONGEST_STOP = 45_000;

/** Ends an agent with this process, also when that is killed. */
const BOUND = spawnSync('setpriv', ['--version']).status === 0 ? ['setpriv', '--pdeathsig', 'KILL'] : [];

export interface Launch {
  /** What starts it: a program that becomes the agent, as `ip netns exec NAME`. */
  readonly through?: readonly string[];
  /** Options of Node.js. */
  readonly node?: readonly string[];
  /** Instead of this tree's. */
  readonly main?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Told of each line of its log. */
  readonly onEvent?: (event: Readonly<Record<string, unknown>>) => void;
}

/** An agent of the fleet: its home and port stay, its process comes and goes. */
export class FleetAgent implements AsyncDisposable {
  readonly name: string;
  readonly home: string;
  readonly url: string;
  readonly #arguments: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #logFile: string;
  #child: ChildProcess | undefined;
  #isFrozen = false;
  #isStarted = false;
  readonly #onEvent: (event: Readonly<Record<string, unknown>>) => void;

  constructor(
    name: string,
    folder: string,
    port: number,
    more: readonly string[],
    { through = [], node = [], main = MAIN, env = {}, onEvent = () => {} }: Launch = {},
  ) {
    this.name = name;
    this.#onEvent = onEvent;
    this.home = join(folder, name);
    this.url = `http://127.0.0.1:${port}`;
    this.#arguments = [...through, process.execPath, ...node, main, 'agent', '--home', this.home, '--listen', `127.0.0.1:${port}`, ...more];
    this.#env = env;
    this.#logFile = join(folder, `${name}.log`);
    mkdirSync(folder, { recursive: true });
  }

  get state(): 'up' | 'starting' | 'frozen' | 'dead' {
    if (this.#child === undefined) return 'dead';
    if (this.#isFrozen) return 'frozen';
    return this.#isStarted ? 'up' : 'starting';
  }

  /** Who signs in its home. It has been up once. */
  get did(): string {
    const { did } = JSON.parse(readFileSync(join(this.home, 'identity.json'), 'utf8')) as { readonly did: string };
    return did;
  }

  /** What it said of itself since it was there, one JSON object a line. */
  get log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : '';
  }

  get token(): string {
    return readFileSync(this.tokenFile, 'utf8').trim();
  }

  get tokenFile(): string {
    return join(this.home, 'token');
  }

  /** Resolves when it listens; rejects if it ended before, unless it was killed. */
  async start(): Promise<void> {
    const [program = '', ...rest] = [...BOUND, ...this.#arguments];
    const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...this.#env } });
    this.#child = child;
    this.#isStarted = false;
    this.#isFrozen = false;
    const log = createWriteStream(this.#logFile, { flags: 'a' });
    child.stderr.pipe(log, { end: true });
    const lines = createInterface({ input: child.stderr });
    const listens = new Promise<void>((resolve) =>
      lines.on('line', (line) => {
        const event = eventIn(line);
        if (event['event'] === 'listening') resolve();
        this.#onEvent(event);
      }),
    );
    const exit = once(child, 'exit').then(([code, signal]) => {
      if (this.#child === child) this.#child = undefined;
      if (signal !== 'SIGKILL') throw new Error(`${this.name} ended by itself (${String(code ?? signal)}); see ${this.#logFile}`);
    });
    // Told to whoever starts it; of its end after that the caller learns by `state`.
    exit.catch(() => {});
    await Promise.race([listens, exit]);
    if (this.#child === child) this.#isStarted = true;
  }

  /** SIGTERM. Resolves when it has ended; rejects if it does not in good time, or not in order. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.kill('SIGTERM');
    const late = systemClock.after(LONGEST_STOP, () => child.kill('SIGKILL'));
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    late();
    const { exitCode, signalCode } = child;
    if (exitCode !== 0) throw new Error(`${this.name} was to end and ended with ${String(exitCode ?? signalCode)}; see ${this.#logFile}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  freeze(): void {
    this.#isFrozen = this.#child?.kill('SIGSTOP') === true;
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
    this.#isFrozen = false;
  }

  async ask(path: string, signal: AbortSignal): Promise<Response> {
    if (!existsSync(this.tokenFile)) throw new Error(`${this.name} has no token yet`);
    return await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${this.token}` }, signal });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

function eventIn(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    // What the runtime itself says is no JSON.
    return {};
  }
}

/** Below those that kernels give to connections, any of which might take a port that is free now. */
const LEAST_PORT = 20_000;
const PORTS = 12_000;

/** A port that nothing listens on now, and that the kernel gives to nobody. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LEAST_PORT + randomInt(PORTS);
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
