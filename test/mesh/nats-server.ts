import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Debian puts it where only root looks. */
const program = ['nats-server', '/usr/sbin/nats-server'].find((file) => spawnSync(file, ['--version']).status === 0);

/** Why tests that need nats-server are skipped; false if it is there. For the option `skip`. */
export const noNatsServer: string | false = program === undefined && 'nats-server is not here. On Debian: apt-get install nats-server';

/** Ends a server with the test process, also when that is killed. */
const bound = spawnSync('setpriv', ['--version']).status === 0 ? ['setpriv', '--pdeathsig', 'KILL'] : [];

const STARTUP = 20_000;

export interface NatsServerOptions {
  /** Lines of its configuration, behind what every server here has. */
  readonly config?: string;
  /** Default true. */
  readonly jetstream?: boolean;
  /** Inside of `jetstream {}`. */
  readonly limits?: string;
  /** Where JetStream keeps its data, instead of a folder of its own. */
  readonly store?: string;
}

interface Place {
  readonly name: string;
  readonly folder: string;
  readonly store: string;
  /** -1 until it was started once: then it keeps the one it got. */
  port: number;
  /** 0 for none. */
  readonly clusterPort: number;
}

/** A real nats-server on 127.0.0.1, with a folder and a port of its own. Ends with the test. */
export class NatsServer implements AsyncDisposable {
  readonly #options: NatsServerOptions;
  readonly #place: Place;
  readonly #cluster: { readonly places: readonly Place[] } | undefined;
  #child: ChildProcess | undefined;
  #log = '';

  constructor(options: NatsServerOptions, place: Place, cluster?: { readonly places: readonly Place[] }) {
    this.#options = options;
    this.#place = place;
    this.#cluster = cluster;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const server = new NatsServer(options, await makePlace('single', options.store));
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#place.port;
  }

  get name(): string {
    return this.#place.name;
  }

  /** The end of what it told since it was started. It is all there when the server has been stopped. */
  get log(): string {
    return this.#log;
  }

  /** Again at the same port, with the data it had. Resolves when it takes connections. */
  async start(): Promise<void> {
    const { folder } = this.#place;
    const config = join(folder, 'nats.conf');
    await writeFile(config, this.#config());
    const [first, ...rest] = [...bound, program ?? 'nats-server', '-c', config];
    const child = spawn(first ?? '', rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    this.#log = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (this.#log = (this.#log + part).slice(-20_000)));
    const ports = join(folder, `nats-server_${child.pid}.ports`);
    for (const deadline = Date.now() + STARTUP; ; await sleep(20)) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`nats-server did not start:\n${this.#log}`);
      const { nats = [] } = await readPorts(ports);
      if (nats[0] === undefined) continue;
      this.#place.port = Number(new URL(nats[0]).port);
      if (await isOpen(this.#place.port)) return;
    }
  }

  /** SIGKILL by default. Resolves when it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  }

  /** SIGSTOP: its connections stay, and nothing moves. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Of a server that is stopped. */
  async loseData(): Promise<void> {
    await rm(this.#place.store, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#place.folder, { recursive: true, force: true });
  }

  #config(): string {
    const { name, folder, store, port, clusterPort } = this.#place;
    const { config = '', jetstream = true, limits = '' } = this.#options;
    const lines = [`server_name: ${name}`, `listen: "127.0.0.1:${port}"`, `ports_file_dir: "${folder}"`, config];
    if (jetstream) lines.push(`jetstream {\nstore_dir: "${store}"\n${limits}\n}`);
    const others = (this.#cluster?.places ?? []).filter((place) => place !== this.#place);
    const routes = others.map((place) => `"nats://127.0.0.1:${place.clusterPort}"`).join(', ');
    if (this.#cluster !== undefined) lines.push(`cluster { name: c, listen: "127.0.0.1:${clusterPort}", routes: [${routes}] }`);
    return lines.join('\n');
  }
}

/** Three servers that keep three copies of everything. */
export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Resolves when each took connections; who leads what is decided some seconds later. */
  static async start(options: NatsServerOptions = {}): Promise<NatsCluster> {
    // Each has to know the others before it starts, so their ports are chosen here; somebody else might take one before they do.
    const holding = [createServer(), createServer(), createServer()];
    for (const server of holding) await once(server.listen(0, '127.0.0.1'), 'listening');
    const ports = holding.map((server) => (server.address() as AddressInfo).port);
    for (const server of holding) await once(server.close(), 'close');
    const places = await Promise.all(ports.map(async (port, index) => await makePlace(`n${index + 1}`, undefined, port)));
    const cluster = new NatsCluster(places.map((place) => new NatsServer(options, place, { places })));
    try {
      await Promise.all(cluster.servers.map(async (server) => await server.start()));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get urls(): readonly string[] {
    return this.servers.map(({ url }) => url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}

async function makePlace(name: string, store?: string, clusterPort = 0): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'docket-nats-'));
  const data = store ?? join(folder, 'jetstream');
  await mkdir(data, { recursive: true });
  return { name, folder, store: data, port: -1, clusterPort };
}

async function readPorts(file: string): Promise<{ readonly nats?: readonly string[] }> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { nats?: string[] };
  } catch {
    // Not there yet, or half written.
    return {};
  }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('data', () => resolve(true)).once('error', () => resolve(false));
  const open = await promise;
  socket.destroy();
  return open;
}
