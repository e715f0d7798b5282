import type { Engine } from '../agent/engine.ts';
import type { RunningAgent } from '../agent/find-agent.ts';
import { localDriver } from '../agent/local-driver.ts';
import { importerOf } from '../agent/importer.ts';
import { type DocketError, isDocketError } from '../errors.ts';
import type { Desk } from './desk.ts';

interface HomeDeskOptions {
  /** The agent of the home that does the work. Default: it is done here. */
  readonly agent: RunningAgent | undefined;
  /** Told if that does not answer; the work is done here then. */
  readonly onSilence: (error: DocketError) => void;
}

/** Works on a home that is opened here. The engine is the desk's from now on. */
export async function homeDesk(engine: Engine, { agent, onSilence }: HomeDeskOptions): Promise<Desk> {
  const records: Desk['records'] = async () => (await import('../agent/records.ts')).recordsOf(engine);
  const work = agent && (await workOf(agent, engine, onSilence));
  return {
    place: engine.paths.home,
    store: engine.store,
    importer: importerOf(engine),
    records,
    job: undefined,
    ...(work ?? workHere(engine, records)),
    async firstResult(run) {
      const { readReceipt } = await import('../agent/read-receipt.ts');
      const cid = engine.ledger.runTask(run, 0)?.receipt;
      const read = cid == null ? undefined : readReceipt(engine, cid);
      return cid == null || read === undefined ? undefined : { cid, ...read };
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** Who does the work, and knows of what goes on. */
type Work = Pick<Desk, 'driver' | 'detached' | 'live' | 'followTask'>;

function workHere(engine: Engine, records: Desk['records']): Work {
  return { driver: localDriver(engine), detached: undefined, followTask: undefined, live: records };
}

/** The agent drives; what it needs is put into the store it shares with us. Undefined if it does not answer. */
async function workOf(
  { local, token }: RunningAgent,
  { store }: Engine,
  onSilence: HomeDeskOptions['onSilence'],
): Promise<Work | undefined> {
  const [{ greet }, { agentDriver, detachedAt }, { remoteRecords }, { followTask }] = await Promise.all([
    import('../sdk/greet.ts'),
    import('../sdk/agent-driver.ts'),
    import('../sdk/remote-records.ts'),
    import('../sdk/follow-events.ts'),
  ]);
  const door = { url: local, token };
  try {
    await greet(door);
  } catch (error) {
    if (!isDocketError(error)) throw error;
    onSilence(error);
    return undefined;
  }
  const records = remoteRecords(door, store);
  const at = { door, store, records };
  return {
    driver: agentDriver(at),
    detached: detachedAt(at),
    live: async () => records,
    followTask: (instruction, signal) => followTask(door, instruction, signal),
  };
}
