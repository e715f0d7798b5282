import type { Engine } from '../agent/engine.ts';
import { findAgent, type RunningAgent } from '../agent/find-agent.ts';
import { localDriver } from '../agent/local-driver.ts';
import { readReceipt } from '../agent/read-receipt.ts';
import { importerOf } from '../agent/sources.ts';
import type { Desk } from './desk.ts';

/** Works on a home that is opened here. With `drives`, an agent that runs on it does the work. The engine is the desk's from now on. */
export async function homeDesk(engine: Engine, { drives }: { readonly drives: boolean }): Promise<Desk> {
  const records: Desk['records'] = async () => (await import('../agent/records.ts')).recordsOf(engine);
  const agent = drives ? findAgent(engine.paths.home) : undefined;
  return {
    place: engine.paths.home,
    store: engine.store,
    importer: importerOf(engine),
    records,
    ...(agent === undefined ? workHere(engine, records) : await workOf(agent, engine)),
    async firstResult(run) {
      const cid = engine.ledger.runTask(run, 0)?.receipt;
      const read = cid == null ? undefined : readReceipt(engine, cid);
      return cid == null || read === undefined ? undefined : { cid, ...read };
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** Who does the work, and knows of what goes on. */
type Work = Pick<Desk, 'driver' | 'submit' | 'live' | 'followTask'>;

function workHere(engine: Engine, records: Desk['records']): Work {
  return { driver: localDriver(engine), submit: undefined, followTask: undefined, live: records };
}

/** The agent drives; what it needs is put into the store it shares with us. */
async function workOf({ local, token }: RunningAgent, { store }: Engine): Promise<Work> {
  const [{ agentDriver, submit }, { remoteRecords }, { followTask }] = await Promise.all([
    import('../sdk/agent-driver.ts'),
    import('../sdk/remote-records.ts'),
    import('../sdk/follow-events.ts'),
  ]);
  const door = { url: local, token };
  const records = remoteRecords(door, store);
  const at = { door, store, records };
  return {
    driver: agentDriver(at),
    submit: (plan, options) => submit(at, plan, options),
    live: async () => records,
    followTask: (instruction, signal) => followTask(door, instruction, signal),
  };
}
