import type { Journals } from '../../../mesh/mesh.ts';
import { decodeEntry, encodeEntry, journalOf, type RunEntry } from '../../../protocol/mesh/run-entry.ts';
import type { EventView } from '../../../protocol/records.ts';

/**
 * What the journal of a run tells, whoever wrote it.
 *
 * Invariants
 * J1. The epochs of what is taken never fall: what a drive wrote after another had begun is passed over by everybody.
 * J2. The numbers of what is given grow. What came twice is given once; what is missing is given as `gap`.
 * J3. No epoch is believed that the run's record has not reached: else one entry would silence all that follow.
 */
export interface JournalReaderOptions {
  readonly journals: Pick<Journals, 'read'>;
  readonly run: string;
  /** Number of the last event its reader had. */
  readonly after: number;
  /** What drives of earlier epochs told is passed over. Default: nothing is. */
  readonly since?: number | undefined;
  /** The revision the run's record has by now, which no epoch is above; undefined if it has none. Given the reader's signal. */
  readonly revision: (signal: AbortSignal) => Promise<number | undefined>;
  readonly onRefused: (problem: string) => void;
  readonly signal: AbortSignal;
}

/** Events as they come, until aborted. */
export async function* readJournal(options: JournalReaderOptions): AsyncGenerator<EventView> {
  const { after, since = 0 } = options;
  let last = after;
  for await (const { epoch, first, events } of entriesOf(options)) {
    if (epoch < since) {
      last = Math.max(last, first + events.length - 1);
      continue;
    }
    for (const [i, { kind, data }] of events.entries()) {
      const seq = first + i;
      if (seq <= last) continue;
      if (seq > last + 1) yield { seq: seq - 1, kind: 'gap', data: JSON.stringify({ missed: seq - 1 - last }) };
      last = seq;
      yield { seq, kind, data };
    }
  }
}

/** What earlier drives told. */
export interface Before {
  /** Number of the last event. */
  readonly after: number;
  /** Epochs of those drives, the last first; at the end 0, which stands for the first drive. */
  readonly epochs: readonly number[];
}

/** Of earlier drives that are told of. */
const MOST_EPOCHS = 15;

/** Begins the part of a drive in the journal: nothing that earlier ones write from now on counts. Throws what `Journals` throws, and the signal's reason. */
export async function beginPart(
  journals: Journals,
  options: Omit<JournalReaderOptions, 'after' | 'journals' | 'revision'>,
  epoch: number,
): Promise<Before> {
  await journals.append(journalOf(options.run), [encodeEntry({ epoch, first: 1, events: [] })]);
  let after = 0;
  const epochs: number[] = [];
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  try {
    for await (const entry of entriesOf({ ...options, journals, signal, after: 0, revision: async () => epoch })) {
      if (entry.epoch === epoch && entry.events.length === 0) return { after, epochs: lastFirst(epochs) };
      // The first drive begins without: it does not know its epoch yet.
      if (entry.events.length === 0) epochs.push(entry.epoch);
      after = Math.max(after, entry.first + entry.events.length - 1);
    }
  } finally {
    over.abort();
  }
  options.signal.throwIfAborted();
  return { after, epochs: lastFirst(epochs) };
}

function lastFirst(epochs: readonly number[]): number[] {
  return [...epochs.slice(-MOST_EPOCHS).reverse(), 0];
}

async function* entriesOf({ journals, run, revision, onRefused, signal }: JournalReaderOptions): AsyncGenerator<RunEntry> {
  let epoch = 0;
  let reached = 0;
  for await (const { entry: bytes } of journals.read(journalOf(run), 0, signal)) {
    const entry = decodeEntry(bytes);
    if ('refused' in entry) {
      onRefused(`an entry of the journal of run ${run} is ${entry.refused}: ${entry.problem}`);
      continue;
    }
    if (entry.epoch < epoch) continue;
    if (entry.epoch > reached) reached = (await revision(signal)) ?? reached;
    if (signal.aborted) return;
    if (entry.epoch > reached) {
      onRefused(`an entry of the journal of run ${run} is of epoch ${entry.epoch}, which nobody has reached`);
      continue;
    }
    epoch = entry.epoch;
    yield entry;
  }
}
