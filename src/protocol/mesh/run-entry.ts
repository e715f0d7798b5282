import { encode } from '../../ipld/dag-cbor.ts';
import { type Ipld, isList } from '../../ipld/value.ts';
import { MESH_VERSION } from './member.ts';
import { count, list, misfit, own, readMessage, type Refused } from './message.ts';

/**
 * An entry of a run's journal: events in order, written by the drive of one epoch.
 *
 * Events are numbered through all drives of the run. A drive first writes an entry without events; whoever reads takes nothing of an earlier epoch that
 * stands behind it. So all readers agree on which events there were, and the new drive, which reads up to that entry, on which number comes next.
 */
export interface RunEntry {
  /** Of the drive, as the run's record has it. */
  readonly epoch: number;
  /** Number of the first of the events. */
  readonly first: number;
  readonly events: readonly JournaledEvent[];
}

export interface JournaledEvent {
  readonly kind: string;
  /** JSON. */
  readonly data: string;
}

/** Bytes of the events of an entry; one that is larger than that alone stands in one of its own. */
export const ENTRY = 128 * 1024;
/** Characters of an event's data: JSON of what is told elsewhere is clipped to less. */
export const MOST_DATA = 512 * 1024;
const MOST_EVENTS = 65_536;
const LARGEST = 4 * MOST_DATA;
const KIND = /^[a-z][a-z-]{0,31}$/;

export function journalOf(run: string): string {
  return `run.${run}`;
}

export function encodeEntry({ epoch, first, events }: RunEntry): Uint8Array {
  return encode({ v: MESH_VERSION, epoch, first, events: events.map(({ kind, data }) => [kind, data]) });
}

export function decodeEntry(bytes: Uint8Array): RunEntry | Refused {
  if (bytes.length > LARGEST) return { refused: 'large', problem: `it has ${bytes.length} bytes` };
  return readMessage(bytes, (map) => {
    const first = count(map, 'first', { least: 1 });
    const events = own(map, 'events') === undefined ? misfit('events is missing') : list(map, 'events', MOST_EVENTS, readEvent);
    if (!Number.isSafeInteger(first + events.length)) misfit('first is too large');
    return { epoch: count(map, 'epoch', { least: 1 }), first, events };
  });
}

function readEvent(item: Ipld, name: string): JournaledEvent {
  const [kind, data] = isList(item) ? item : [];
  if (typeof kind !== 'string' || !KIND.test(kind)) misfit(`${name} is of no kind`);
  if (typeof data !== 'string' || data.length > MOST_DATA) misfit(`${name} has no data of at most ${MOST_DATA} characters`);
  if (!isOneLineOfJson(data)) misfit(`the data of ${name} are no JSON object`);
  return { kind, data };
}

/** It is handed on to clients that parse it, and in a stream whose lines must not be broken. */
function isOneLineOfJson(data: string): boolean {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && !/[\r\n]/.test(data);
  } catch {
    return false;
  }
}
