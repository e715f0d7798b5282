import { NatsCluster, NatsServer } from '../mesh/nats-server.ts';
import type { Victim } from './faults.ts';

/** The engine under a mesh: real servers that can be hurt one by one. */
export interface Servers extends AsyncDisposable {
  readonly urls: readonly string[];
  readonly victims: readonly Victim[];
}

/** One server, or a cluster of three. */
export async function startServers(count: number): Promise<Servers> {
  if (count !== 1 && count !== 3) throw new Error('there can be one server or three');
  const started = count === 1 ? await NatsServer.start() : await NatsCluster.start();
  const servers = started instanceof NatsServer ? [started] : started.servers;
  return {
    urls: servers.map(({ url }) => url),
    victims: servers.map((server, i) => victimOf(server, `server${i}`, count === 1)),
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

/** `mayLose`: its data, of which there is no other copy. In a cluster a server that comes back empty under its old name may outvote the one that has all. */
function victimOf(server: NatsServer, name: string, mayLose: boolean): Victim {
  let state: Victim['state'] = 'up';
  return {
    name,
    get state() {
      return state;
    },
    async start() {
      state = 'starting';
      await server.start();
      state = 'up';
    },
    async kill() {
      state = 'dead';
      await server.stop();
    },
    ...(mayLose ? { loseData: () => server.loseData() } : {}),
    freeze() {
      state = 'frozen';
      server.pause();
    },
    thaw() {
      server.resume();
      state = 'up';
    },
  };
}
