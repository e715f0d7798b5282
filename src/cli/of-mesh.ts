import type { RunningAgent } from '../agent/find-agent.ts';
import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Records } from '../protocol/records.ts';
import { remoteRecords } from '../sdk/remote-records.ts';
import { type AgentDoor, callAgent } from '../store/agent-call.ts';
import { RemoteStore } from '../store/remote-store.ts';
import type { Store } from '../store/store.ts';
import type { Desk } from './desk.ts';

/**
 * A desk on a home whose agent is in a mesh: what the home lacks, a blob or the module of a name, that agent is asked for. It finds it at other members and brings it into
 * the home it shares with us, so nothing is written here. What is listed and checked is the home's.
 */
export function withMesh(desk: Desk, { local, token }: RunningAgent): Desk {
  const door = { url: local, token };
  const store = storeWithMesh(desk.store, door);
  return {
    ...desk,
    store,
    records: async () => recordsWithMesh(await desk.records(), remoteRecords(door, store), store),
    [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose](),
  };
}

function storeWithMesh(here: Store, door: AgentDoor): Store {
  const there = new RemoteStore(door);
  const orBrought = async <T>(cid: CID, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      if (!isDocketError(error, 'BLOB_MISSING') && !isDocketError(error, 'BLOB_DAMAGED')) throw error;
      // It is here before the answer begins.
      (await callAgent(door, { method: 'GET', path: `/v1/blobs/${cid}` })).discard();
      return await act();
    }
  };
  return {
    put: (source, options) => here.put(source, options),
    async *get(cid, options) {
      const reading = await orBrought(cid, async () => {
        const iterator = here.get(cid, options)[Symbol.asyncIterator]();
        return { iterator, first: await iterator.next() };
      });
      const { iterator } = reading;
      try {
        for (let next = reading.first; next.done !== true; next = await iterator.next()) yield next.value;
      } finally {
        await iterator.return?.();
      }
    },
    read: (cid, options) => orBrought(cid, () => here.read(cid, options)),
    stat: async (cid, options) => (await here.stat(cid, options)) ?? (await there.stat(cid, options)),
    missing: (cids) => here.missing(cids),
    list: () => here.list(),
    delete: (cid) => here.delete(cid),
    verify: (options) => here.verify(options),
  };
}

function recordsWithMesh(here: Records, there: Records, store: Store): Records {
  return {
    ...here,
    store,
    modules: {
      ...here.modules,
      async find(reference) {
        try {
          return await here.modules.find(reference);
        } catch (error) {
          if (!isDocketError(error, 'MANIFEST_UNKNOWN')) throw error;
          return await there.modules.find(reference);
        }
      },
    },
    aliases: { ...here.aliases, find: async (name) => (await here.aliases.find(name)) ?? (await there.aliases.find(name)) },
  };
}
