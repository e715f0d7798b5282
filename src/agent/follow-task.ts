import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { type Ipld, isLink, isMap } from '../ipld/value.ts';
import type { EventView } from '../protocol/records.ts';
import type { TaskLogs, TaskService } from '../protocol/services.ts';
import { failureText } from '../receipt/show.ts';
import type { ActiveRuns } from './active-runs.ts';
import type { Engine } from './engine.ts';
import { readReceipt } from './read-receipt.ts';
import { TaskLooks } from './task-looks.ts';

/**
 * What tasks write: of one that ended from its receipt, of one that runs here as it comes. What comes is not a result yet: the task may end otherwise, or
 * be run again. Only the event `ended` speaks of what is committed, and after it the streams can be had whole.
 */
export function taskServiceOf(engine: Engine, active: Pick<ActiveRuns, 'expects'>): TaskService {
  const looks = new TaskLooks(engine.clock, (task) => look(engine, active, task));
  const known = (task: CID): boolean =>
    engine.slots.live(digestOf(task)) !== undefined || active.expects(digestOf(task)) || newest(engine, task) !== undefined;
  return {
    logs(task) {
      const isRunning = engine.slots.live(digestOf(task)) !== undefined;
      const ended = newest(engine, task);
      if (ended === undefined && !isRunning) throw unknown(task);
      return { task, isRunning, ended };
    },
    follow(task, signal) {
      if (!known(task)) throw unknown(task);
      return follow(engine, looks, task, signal);
    },
  };
}

/** How long a task may be neither running nor ended after it was seen to run, in ms: its receipt is being committed, or it will be tried again. */
const PATIENCE = 5_000;
/** Bytes of one event. */
const PIECE = 1 << 16;

async function* follow(engine: Engine, looks: TaskLooks<Seen>, task: CID, signal: AbortSignal): AsyncGenerator<EventView> {
  const { clock } = engine;
  const digest = digestOf(task);
  let seen = looks.now(task);
  const before = seen.ended?.receipt;
  let seq = 0;
  let hasRun = false;
  let told: Told = { stdout: 0, stderr: 0 };
  for (let since = clock.monotonic(); ; seen = await looks.next(task)) {
    signal.throwIfAborted();
    const live = engine.slots.live(digest);
    if (live !== undefined) {
      if (hasRun) yield { seq: ++seq, kind: 'again', data: '{}' };
      hasRun = true;
      for await (const { kind, data } of live.read(0, signal)) {
        if (kind === 'told') told = JSON.parse(data) as Told;
        else yield { seq: ++seq, kind, data };
      }
      since = clock.monotonic();
      continue;
    }
    const { ended, isExpected } = seen;
    const isNew = ended !== undefined && !(hasRun && before?.equals(ended.receipt) === true);
    const isLate = clock.monotonic() - since > PATIENCE && !isExpected;
    // It waits for its turn; how it failed another time is not what is asked for.
    if (!hasRun && isExpected && ended?.state !== 'ok') continue;
    // What was lost with its process is mostly tried again.
    if (ended !== undefined && isNew && (!hasRun || !ended.isLost || isLate)) {
      // All of it, or what was not told while it ran.
      for await (const event of replay(engine, ended, { told, signal })) yield { ...event, seq: ++seq };
      const { receipt, state, failure } = ended;
      return yield { seq: ++seq, kind: 'ended', data: JSON.stringify({ state, receipt: receipt.toString(), failure }) };
    }
    if (isLate) return yield { seq: ++seq, kind: 'ended', data: JSON.stringify({ state: 'unknown', receipt: null, failure: null }) };
  }
}

/** What the ledger says of a task. */
interface Seen {
  readonly isExpected: boolean;
  readonly ended: Ended | undefined;
}

function look(engine: Engine, active: Pick<ActiveRuns, 'expects'>, task: CID): Seen {
  // In this order: of one that is not expected any more the receipt is there.
  const isExpected = active.expects(digestOf(task));
  return { isExpected, ended: newest(engine, task) };
}

/** Bytes of each stream that were told, gaps included. */
type Told = Readonly<Record<'stdout' | 'stderr', number>>;

interface Ended extends NonNullable<TaskLogs['ended']> {
  readonly isLost: boolean;
}

/** What stands in the newest receipt of a task that can be read. */
function newest(engine: Engine, task: CID): Ended | undefined {
  for (const { cid } of engine.ledger.receiptsOfInstruction(task, MOST_READ)) {
    const outcome = readReceipt(engine, cid)?.outcome;
    if (outcome === undefined) continue;
    const holder = outcome.tag === 'ok' ? outcome.value : outcome.failure.data;
    const { stdout = '', stderr = '' } = isMap(holder) ? holder : {};
    return {
      receipt: cid,
      state: outcome.tag === 'ok' ? 'ok' : 'failed',
      failure: failureText(outcome) ?? null,
      stdout,
      stderr,
      isLost: outcome.tag === 'error' && outcome.failure.code === 'lost',
    };
  }
  return undefined;
}

/** Receipts looked at, of which the newest may be damaged. */
const MOST_READ = 10;

/** What its receipt has of each stream behind what was told. */
async function* replay(
  engine: Engine,
  ended: Ended,
  { told, signal }: { readonly told: Told; readonly signal: AbortSignal },
): AsyncGenerator<Omit<EventView, 'seq'>> {
  for (const stream of ['stdout', 'stderr'] as const) {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let at = 0;
    for await (const bytes of pieces(engine, ended[stream], signal)) {
      const rest = bytes.subarray(Math.max(0, told[stream] - at));
      if (rest.length > 0)
        yield { kind: stream, data: JSON.stringify({ at: at + bytes.length - rest.length, text: decoder.decode(rest, { stream: true }) }) };
      at += bytes.length;
    }
    const left = decoder.decode();
    if (left !== '') yield { kind: stream, data: JSON.stringify({ at, text: left }) };
  }
}

async function* pieces(engine: Engine, value: Ipld, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (isLink(value)) {
    for await (const chunk of engine.store.get(value, { signal }))
      for (let at = 0; at < chunk.length; at += PIECE) yield chunk.subarray(at, at + PIECE);
    return;
  }
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (bytes instanceof Uint8Array && bytes.length > 0) yield bytes;
}

function digestOf(task: CID): Uint8Array {
  return task.multihash.digest;
}

function unknown(task: CID): DocketError {
  return new DocketError('TASK_UNKNOWN', `the task ${task} does not run here, and has no receipt`, {
    next: 'Name it by the CID of its instruction: GET /v1/runs/RUN/tasks lists them.',
  });
}
