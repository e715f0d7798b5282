import { createHash } from 'node:crypto';
import { type CID, isLargeValue, ofLargeValue } from '../../../ipld/cid.ts';
import { encode } from '../../../ipld/dag-cbor.ts';
import * as LargeValue from '../../../ipld/large-value.ts';
import { type Ipld, type IpldMap, isLink, isList, isMap } from '../../../ipld/value.ts';
import type { RunRow } from '../../../ledger/runs.ts';
import { type Asked, INLINE_PART, type RunRecord } from '../../../protocol/mesh/run-record.ts';
import type { Store } from '../../../store/store.ts';
import type { RunCounts } from '../../../workflow/run-state.ts';
import { givenUp } from '../../tries.ts';
import type { Said } from './lease.ts';

/** What stands in a record, or behind a link of it. */
export type Part<T> = { readonly value: T | CID; readonly blob: Uint8Array | undefined };

/** What is large is given as the link to a blob, with its bytes. Its CID is that of a large value: what it links to is a part of it. */
export function inlineOrLink<T extends Ipld>(value: T): Part<T> {
  const bytes = encode(value);
  return bytes.length <= INLINE_PART ? { value, blob: undefined } : { value: ofLargeValue(bytes), blob: bytes };
}

/** What was asked for when the run was started, as its record has it. */
export function askedIn({ options }: Pick<RunRow, 'options'>): { readonly asked: Asked; readonly blob: Uint8Array | undefined } {
  const { slots, force, failFast, awaitTime, agree, weight } = options as Readonly<Record<string, unknown>>;
  const labels = Array.isArray(force)
    ? inlineOrLink(force.map(String))
    : { value: force === 'all' ? ('all' as const) : null, blob: undefined };
  return {
    asked: {
      slots: typeof slots === 'number' ? slots : null,
      force: labels.value,
      failFast: failFast === true,
      awaitTime: typeof awaitTime === 'number' ? awaitTime : null,
      ...(typeof agree === 'string' ? { agree } : {}),
      ...(typeof weight === 'number' ? { weight } : {}),
    },
    blob: labels.blob,
  };
}

/** The options of the row of a run that was begun elsewhere. `force`: what the record has, read. */
export function optionsOf({ slots, failFast, awaitTime, agree, weight }: Asked, force: 'all' | readonly string[] | null): object {
  return {
    ...{ slots, force, failFast, agent: true },
    ...(awaitTime === null ? {} : { awaitTime }),
    ...(agree === undefined ? {} : { agree }),
    ...(weight === undefined ? {} : { weight }),
  };
}

type Base = Pick<Said, 'asked' | 'isSecured' | 'deaths' | 'tries' | 'submission' | 'counts'> & { readonly plan: CID };

/** What is said of a run that goes on. Its row may say already that it is to be cancelled: how it ended is said when it has. */
export function saidBy({ name, workflow, plan, created }: RunRow, base: Base): Said {
  return { ...base, name, workflow, plan: plan ?? base.plan, state: 'running', created, finished: null, outputs: {}, failure: null };
}

/** How it ended, by its row; undefined if it has not, or not here. */
export function endBy(row: RunRow, counts: RunCounts): Pick<Said, 'state' | 'finished' | 'counts' | 'failure'> | undefined {
  const { state, finished } = row;
  if (state === 'running' || state === 'interrupted') return undefined;
  const failure = givenUp(row);
  return {
    state,
    finished,
    counts: row.counts ?? counts,
    failure: failure === undefined ? null : { code: failure.code, message: failure.message },
  };
}

/** Of an idempotency key: others shall not learn the key itself. */
export function digestOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Bytes of a part that stands behind a link. */
const LARGEST_PART = 64 * 2 ** 20;

/** The outputs of a run, wherever they stand. `bring` has the blob of a link in the store. Throws `BLOB_…`, `IPLD_INVALID`. */
export async function outputsOf(
  { outputs }: Pick<RunRecord, 'outputs'>,
  store: Pick<Store, 'read'>,
  bring: (cid: CID) => Promise<void>,
): Promise<IpldMap> {
  if (!isLink(outputs)) return outputs;
  const value = await readPart(outputs, store, bring);
  return isMap(value) ? value : {};
}

export async function forceOf(
  { force }: Asked,
  store: Pick<Store, 'read'>,
  bring: (cid: CID) => Promise<void>,
): Promise<'all' | readonly string[] | null> {
  if (!isLink(force)) return force;
  const value = await readPart(force, store, bring);
  return isList(value) ? value.map(String) : null;
}

async function readPart(cid: CID, store: Pick<Store, 'read'>, bring: (cid: CID) => Promise<void>): Promise<Ipld> {
  if (!isLargeValue(cid)) return null;
  await bring(cid);
  return LargeValue.read(await store.read(cid, { limit: LARGEST_PART }));
}
