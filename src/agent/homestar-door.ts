import type { Access } from '../api/access.ts';
import { Port } from '../api/homestar/port.ts';
import { RateLimit } from '../api/rate-limit.ts';
import type { Clock } from '../base/clock.ts';
import { DocketError, isDocketError, systemCode } from '../errors.ts';
import type { Offered } from '../protocol/peers.ts';
import type { RunSubmission, WorkService } from '../protocol/services.ts';
import { HttpServer } from './http-server.ts';
import { Places } from './places.ts';

/**
 * Where Homestar's clients come in. They bring no token, and the agent lets nobody in without one from beyond this machine: so this door is on loopback, whatever
 * the agent listens on, in both versions of IP, since `localhost` may mean either.
 */

export interface HomestarOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** Origins of web pages that may come; `*` is every one. Default none. */
  readonly origins?: readonly string[];
}

export interface DoorOptions extends HomestarOptions {
  readonly services: Offered;
  readonly access: Access;
  /** Requests a second of each client. */
  readonly rate: number | undefined;
  readonly clock: Clock;
  /** Runs of the whole agent at a time. */
  readonly maxRuns: number;
}

const HOSTS = { first: '127.0.0.1', second: '::1' } as const;
const CONNECTIONS = 5_000;
/** Of the runs that an agent has at a time, those that may come in here: who needs no token does not keep out who has one. */
const SHARE = 1 / 2;
/** Ports that are tried where any will do: one that is free in version 4 may be taken in 6. */
const TRIES = 8;

export interface HomestarDoor extends AsyncDisposable {
  readonly url: string;
  /** As `HttpServer.drain`. */
  drain(ms: number, isBusy: () => boolean): Promise<void>;
  /** Resolves when clients know how their runs ended, or do not care to. To be called when no run goes on. */
  told(): Promise<void>;
}

/** Throws `LISTEN_FAILED`, and `CONFIG_INVALID` for an agent that runs nothing. */
export async function openHomestarDoor(options: DoorOptions): Promise<HomestarDoor> {
  const { services, access, origins = [], rate, clock, maxRuns } = options;
  if (!services.peers.roles.includes('runner'))
    throw new DocketError('CONFIG_INVALID', 'an agent with --no-run has no port for Homestar’s clients: what they ask for is to be run', {
      next: 'Give --homestar-port to a peer that runs workflows.',
    });
  await using stack = new AsyncDisposableStack();
  const work = sharing(services.work, new Places('runs', Math.ceil(maxRuns * SHARE)));
  const servers: HttpServer[] = [];
  const doors = (): string[] => servers.map(({ port }, i) => (i === 0 ? `${HOSTS.first}:${port}` : `[${HOSTS.second}]:${port}`));
  const limit = rate === undefined ? undefined : new RateLimit({ rate, clock });
  const port = stack.use(new Port({ services: { ...services, work }, access, origins, rate: limit, clock, doors }));
  const { handle, upgrade } = port;
  const listen = async (host: string, at: number): Promise<HttpServer> => {
    try {
      return await HttpServer.listen({ host, port: at, certificate: undefined, clock, handle, upgrade, connections: CONNECTIONS });
    } catch (error) {
      if (!isDocketError(error, 'LISTEN_FAILED')) throw error;
      throw new DocketError('LISTEN_FAILED', error.message, { cause: error.cause, next: 'Name another port with --homestar-port.' });
    }
  };
  servers.push(...(await listenOnBoth(listen, options.port)));
  for (const server of servers) stack.use(server);
  // Again, and first of all: servers wait for their connections, and know nothing of those that became WebSockets.
  stack.use(port);
  const url = `http://${HOSTS.first}:${servers[0]!.port}`;
  const all = stack.move();
  return {
    url,
    async drain(ms, isBusy) {
      port.drain();
      await Promise.all(servers.map((server) => server.drain(ms, isBusy)));
    },
    told: () => port.told(),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function listenOnBoth(listen: (host: string, port: number) => Promise<HttpServer>, port: number): Promise<readonly HttpServer[]> {
  for (let tries = 1; ; tries++) {
    await using first = new AsyncDisposableStack();
    const server = first.use(await listen(HOSTS.first, port));
    try {
      const second = await listen(HOSTS.second, server.port);
      first.move();
      return [server, second];
    } catch (error) {
      const code = isDocketError(error) ? systemCode(error.cause) : undefined;
      const isTaken = code === 'EADDRINUSE';
      if (isTaken && port === 0 && tries < TRIES) continue;
      // Machines without version 6.
      if (isTaken || !isDocketError(error, 'LISTEN_FAILED')) throw error;
      first.move();
      return [server];
    }
  }
}

/** Work whose runs have places of their own, beside those of the agent. */
function sharing(work: WorkService, places: Places): WorkService {
  return {
    ...work,
    async submit(submission: RunSubmission) {
      using stack = new DisposableStack();
      const share = stack.use(places.take());
      const submitted = await work.submit({ ...submission, share });
      stack.move();
      return submitted;
    },
  };
}
