import { DocketError } from '../../errors.ts';
import { callApi, NAME_IN_USE, STREAM_NOT_FOUND, TOO_FEW_SERVERS } from './api.ts';
import { Again } from './again.ts';
import type { StreamLimit } from './options.ts';
import type { Session } from './session.ts';

/** What the mesh needs of a stream. */
export interface StreamPlan {
  readonly name: string;
  readonly subject: string;
  readonly limit: StreamLimit;
  /** Messages kept of each subject, the newest; undefined for all. */
  readonly perSubject: number | undefined;
  /** What happens when it is full. */
  readonly whenFull: 'refuse' | 'drop-oldest';
  /** Whether any copy may answer, also one that is a moment behind. */
  readonly mayBeBehind: boolean;
}

/** A stream as it stands at the server. */
export interface StreamState {
  readonly name: string;
  /** Added to sequence numbers: larger for a stream that was made anew than any number of the one before it, so numbers grow for ever. */
  readonly base: number;
  readonly isDirect: boolean;
  /** It was made now, where there was one before or not. */
  readonly isNew: boolean;
}

/** Those of a stream's settings that are given or looked at, in the API's words. */
interface Config {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly retention: string;
  readonly max_msgs_per_subject?: number;
  readonly max_msgs?: number;
  readonly max_bytes?: number;
  readonly max_age?: number;
  readonly discard: string;
  readonly storage: string;
  readonly num_replicas: number;
  readonly allow_direct?: boolean;
  readonly allow_rollup_hdrs?: boolean;
  readonly deny_delete?: boolean;
  readonly duplicate_window?: number;
  readonly sealed?: boolean;
}

interface Info {
  readonly config: Config;
  readonly state: { readonly last_seq: number; readonly messages: number };
  readonly created: string;
}

const NANOSECONDS = 1_000_000;
/** Within which a message that is sent again is known again; longer than anybody is patient. */
const KNOWN_AGAIN = 2 * 60_000;
/** Numbers begin at four a millisecond since then: a stream may take 4,000 messages a second for years, and one made anew after it still begins above. */
const EPOCH = Date.UTC(2025, 0, 1);
const PER_MILLISECOND = 4;
const MOST_REPLICAS = 3;

/** Makes the stream unless it is there. `replicas`: as asked for; else by how many servers are known, here or to the server. Throws `Again`, `MESH_STREAM_UNFIT`, `MESH_FULL`, `MESH_REFUSED`, `MESH_NO_JETSTREAM`. */
export async function ensureStream(session: Session, plan: StreamPlan, replicas: number | undefined, given: number): Promise<StreamState> {
  const servers = Math.max(given, session.peers.length);
  const found = await callApi<Info>(session, `STREAM.INFO.${plan.name}`, {}, STREAM_NOT_FOUND);
  if (found.tag === 'value') return stateOf(plan, found.value, false);
  const made = await create(session, plan, replicas ?? (servers >= MOST_REPLICAS ? MOST_REPLICAS : 1));
  if (made !== undefined) return stateOf(plan, made, true);
  // Another member was first, perhaps with other limits.
  const theirs = await callApi<Info>(session, `STREAM.INFO.${plan.name}`, {}, STREAM_NOT_FOUND);
  if (theirs.tag === 'value') return stateOf(plan, theirs.value, false);
  throw new Again(new DocketError('MESH_STREAM_UNFIT', `another stream has the subjects of ${plan.name}: ${plan.subject}`));
}

/** As it is now: number of the last message that came, also if that is gone, and when the stream was made, in ms by the server's clock. Throws as `callApi`. */
export async function lookAt(session: Session, { name }: StreamState, signal?: AbortSignal): Promise<{ last: number; made: number }> {
  const found = await callApi<Info>(session, `STREAM.INFO.${name}`, {}, [], signal);
  return found.tag === 'value' ? { last: found.value.state.last_seq, made: Date.parse(found.value.created) } : { last: 0, made: 0 };
}

/** Whether there is a stream of that name that holds nothing, and, if it `isOwn`, could not be removed. False where nobody can tell. */
export async function standsEmpty(session: Session, name: string, isOwn: boolean): Promise<boolean> {
  try {
    const found = await callApi<Info>(session, `STREAM.INFO.${name}`, {}, STREAM_NOT_FOUND);
    if (found.tag === 'error' || found.value.state.messages > 0) return false;
  } catch {
    return false;
  }
  if (!isOwn) return true;
  try {
    await callApi(session, `STREAM.DELETE.${name}`, {}, STREAM_NOT_FOUND);
    return false;
  } catch {
    // Agents need no right to it.
    return true;
  }
}

/** Undefined if there is one of that name. */
async function create(session: Session, plan: StreamPlan, replicas: number): Promise<Info | undefined> {
  const config: Config = {
    name: plan.name,
    subjects: [plan.subject],
    retention: 'limits',
    max_msgs_per_subject: plan.perSubject ?? -1,
    max_msgs: -1,
    max_bytes: plan.limit.bytes,
    max_age: plan.limit.age * NANOSECONDS,
    discard: plan.whenFull === 'refuse' ? 'new' : 'old',
    storage: 'file',
    num_replicas: replicas,
    allow_direct: plan.mayBeBehind,
    // As key-value buckets have it.
    allow_rollup_hdrs: true,
    deny_delete: false,
    duplicate_window: Math.min(KNOWN_AGAIN, plan.limit.age || KNOWN_AGAIN) * NANOSECONDS,
  };
  const made = await callApi<Info>(session, `STREAM.CREATE.${plan.name}`, config, [...NAME_IN_USE, ...TOO_FEW_SERVERS]);
  if (made.tag === 'value') return made.value;
  if (NAME_IN_USE.includes(made.number)) return undefined;
  // A cluster that has lost servers is waited for: copies that are left out now would be missing for ever.
  throw new Again(
    new DocketError('MESH_UNREACHABLE', `${plan.name} is to have ${replicas} copies, and the cluster has too few servers with JetStream`),
  );
}

function stateOf(plan: StreamPlan, { config, created }: Info, isNew: boolean): StreamState {
  const unfit = unfitness(plan, config);
  if (unfit !== undefined) throw new DocketError('MESH_STREAM_UNFIT', `the stream ${plan.name} is there, but ${unfit}`);
  const made = Date.parse(created);
  if (!Number.isFinite(made)) throw new DocketError('MESH_FAILED', `nats-server does not say when ${plan.name} was made`);
  return { name: plan.name, base: Math.max(0, made - EPOCH) * PER_MILLISECOND, isDirect: config.allow_direct === true, isNew };
}

/** Its limits, copies and kind of storage are whoever's made it; this is what would give wrong answers. */
function unfitness(plan: StreamPlan, config: Config): string | undefined {
  const { subjects = [] } = config;
  if (subjects.length !== 1 || subjects[0] !== plan.subject) return `takes ${subjects.join(', ') || 'nothing'} instead of ${plan.subject}`;
  if (config.retention !== 'limits') return `forgets what somebody read (retention "${config.retention}")`;
  if (config.sealed === true) return 'is sealed';
  const kept = config.max_msgs_per_subject ?? -1;
  if (kept !== (plan.perSubject ?? -1)) return `keeps ${kept} messages of a subject instead of ${plan.perSubject ?? -1}`;
  if (plan.whenFull === 'refuse' && config.discard !== 'new') return 'drops what is old when it is full';
  return undefined;
}
