import { isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { OfferedTask } from '../../protocol/mesh/work.ts';
import { type BlobsAtRest, BlobView, hexOf } from '../../scheduler/blob-view.ts';
import type { Hit } from '../../scheduler/lookup.ts';
import { OK } from '../../scheduler/state.ts';
import * as Needs from '../../workflow/needs.ts';
import { type HostTerms, whyRefused } from './host-admit.ts';
import type { Attempt } from './host-attempt.ts';
import { missingBlobs } from './host-blobs.ts';
import { offeredWork } from './host-work.ts';
import { trustedMemo } from '../trust/trusted-memo.ts';

/** What becomes of an offered task at first: refused, known already, or held. */
export type Judged =
  | { readonly kind: 'refused'; readonly task: OfferedTask; readonly message: string }
  | { readonly kind: 'hit'; readonly attempt: Attempt; readonly hit: Hit }
  | { readonly kind: 'held'; readonly attempt: Attempt };

interface Home {
  readonly ledger: Ledger;
  readonly rest: BlobsAtRest;
  /** DID of the key that signs here. */
  readonly issuer: string;
  readonly terms: HostTerms;
  /** A moment, as the claims of the home count. */
  readonly since: number;
}

/** `size`: bytes each takes, more or less. */
export function judgeOffered(
  tasks: readonly OfferedTask[],
  { run, epoch, size }: { readonly run: string; readonly epoch: number; readonly size: number },
  { ledger, rest, issuer, terms, since }: Home,
): Judged[] {
  const view = new BlobView(rest);
  const work = offeredWork(tasks, { memo: trustedMemo(ledger), blobs: view, issuer });
  const judged = tasks.map((offered, index): Judged => {
    const planned = work.plan.tasks[index]!;
    const message = whyRefused(offered, planned, { terms, standsFor: (cid) => view.standsFor(cid) });
    if (message !== undefined) return { kind: 'refused', task: offered, message };
    const { task, attempt, priority, input } = offered;
    const supplies = suppliesOf(offered, rest);
    view.add(supplies);
    const policy = work.policies.of(index);
    const key = nameable(() => work.lookup.resolvedKey(index, input));
    if (key === undefined) return { kind: 'refused', task: offered, message: 'its input nests so deep that its key cannot be made' };
    const stage = { tag: 'waiting' } as const;
    const { memory } = Needs.fromMeta(planned.task.meta);
    const about = { run, task, attempt, epoch, priority, offered, work, index, planned, policy, key, view, supplies, size };
    return { kind: 'held', attempt: { ...about, memory, since, isUnwanted: false, stage } };
  });
  const held = judged.flatMap((one) => (one.kind === 'held' ? [one.attempt] : []));
  const hits = new Map(findKnown(held).map(({ attempt, hit }) => [attempt, hit]));
  return judged.map((one) => {
    const hit = one.kind === 'held' ? hits.get(one.attempt) : undefined;
    return one.kind === 'held' && hit !== undefined ? { kind: 'hit', attempt: one.attempt, hit } : one;
  });
}

/** An input alone may be as deep as any value, and stands within others then. */
function nameable<T>(name: () => T): T | undefined {
  try {
    return name();
  } catch (error) {
    if (isDocketError(error, 'IPLD_INVALID')) return undefined;
    throw error;
  }
}

/** Results that are filed here for attempts of one offer, whole. Errors that were memoized are for this home's own runs: others take no error on such a word. */
export function findKnown(attempts: readonly Attempt[]): { readonly attempt: Attempt; readonly hit: Hit }[] {
  const [first] = attempts;
  if (first === undefined) return [];
  const hits = first.work.lookup.byResolved(attempts.map(({ index, key }) => ({ task: index, key: key.key })));
  return attempts.flatMap((attempt, i) => {
    const hit = hits[i];
    return hit?.status === OK && isWhole(hit, attempt.view) ? [{ attempt, hit }] : [];
  });
}

/** A result whose blobs are not all here, or damaged, is made anew. */
function isWhole({ value }: Hit, view: BlobView): boolean {
  try {
    return missingBlobs(value, view).length === 0;
  } catch (error) {
    if (isDocketError(error)) return false;
    throw error;
  }
}

/** What is under a false name is left out: it is fetched like any other then. */
function suppliesOf({ small }: OfferedTask, rest: BlobsAtRest): ReadonlyMap<string, Uint8Array> {
  const unknown = Object.entries(small).filter(([digest]) => rest.small(digest) === undefined);
  return new Map(unknown.filter(([digest, bytes]) => hexOf(Cid.ofBlob(bytes)) === digest));
}
