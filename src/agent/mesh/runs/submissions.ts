import type { Clock } from '../../../base/clock.ts';
import { DocketError } from '../../../errors.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import {
  decodeRunRecord,
  decodeSubmission,
  encodeSubmission,
  type Holder,
  keyOfRun,
  keyOfSubmission,
  type SubmissionRecord,
} from '../../../protocol/mesh/run-record.ts';
import { sameOrThrow } from '../../submission-key.ts';
import type { Company } from './company.ts';
import { pause } from './pause.ts';
import { digestOfKey } from './said.ts';

/**
 * Idempotency keys of the whole mesh: the same key at two members is one run.
 *
 * Invariants
 * I1. Who submits claims the key first, by compare-and-set, and names the run that is to be. So of two at once one begins a run, and the other gives that.
 * I2. A claim whose member is gone before its run had a record is anybody's; one whose run was refused is withdrawn.
 * I3. Waiting for another's run has an end.
 */

interface SubmissionOptions {
  readonly mesh: Pick<Mesh, 'records'>;
  readonly clock: Clock;
  readonly self: Holder;
  readonly company: Company;
  readonly newRun: () => string;
  readonly onRefused: (problem: string) => void;
  readonly signal: AbortSignal;
}

export type Claim =
  | { readonly tag: 'earlier'; readonly run: string }
  | {
      readonly tag: 'claimed';
      readonly run: string;
      /** There is no such run after all; or it is this one. */
      readonly settle: (run: string | undefined) => Promise<void>;
    };

const LOOK = 100;
const PATIENCE = 10_000;

/** `digest`: of all that is submitted. Throws `KEY_REUSED`, `RUN_BUSY` if the run of another does not begin, and `MESH_…`. */
export async function claim(options: SubmissionOptions, key: string, digest: string): Promise<Claim> {
  const { mesh, clock, self, newRun, onRefused, signal } = options;
  const name = keyOfSubmission(digestOfKey(key));
  const own: SubmissionRecord = { run: newRun(), digest, by: self };
  let expected = 0;
  for (const deadline = clock.monotonic() + PATIENCE; ;) {
    const revision = await mesh.records.put(name, encodeSubmission(own), expected);
    if (revision !== undefined) return { tag: 'claimed', run: own.run, settle: (run) => settle(options, name, own, { run, revision }) };
    const found = await mesh.records.get(name);
    expected = found?.revision ?? 0;
    if (found === undefined) continue;
    const earlier = decodeSubmission(found.value);
    if ('refused' in earlier) {
      onRefused(`the record of an idempotency key is ${earlier.refused}: ${earlier.problem}`);
      if (earlier.refused === 'newer')
        throw new DocketError('MESH_REFUSED', 'the record of the idempotency key is of a newer version of Docket');
      continue;
    }
    const begun = await mesh.records.get(keyOfRun(earlier.run));
    if (begun !== undefined) {
      const record = decodeRunRecord(begun.key, begun.value);
      if (!('refused' in record) && record.state === 'deleted') continue;
      return { tag: 'earlier', run: sameOrThrow(earlier, key, digest) };
    }
    if (isGone(options, earlier.by)) continue;
    if (clock.monotonic() > deadline)
      throw new DocketError('RUN_BUSY', `the idempotency key was used at another member, whose run ${earlier.run} has not begun`, {
        next: 'Ask again in a moment.',
      });
    await pause(clock, LOOK, signal);
    signal.throwIfAborted();
    // It may be withdrawn meanwhile, and is not to be taken away before.
    expected = 0;
  }
}

function isGone({ company, self }: SubmissionOptions, by: Holder): boolean {
  if (by.did === self.did) return by.incarnation !== self.incarnation;
  const present = company.others().find(({ did }) => did === by.did);
  return present === undefined ? company.isJudging : present.incarnation !== by.incarnation;
}

async function settle(
  { mesh }: SubmissionOptions,
  name: string,
  own: SubmissionRecord,
  { run, revision }: { readonly run: string | undefined; readonly revision: number },
): Promise<void> {
  if (run === undefined) await mesh.records.delete(name, revision);
  else if (run !== own.run) await mesh.records.put(name, encodeSubmission({ ...own, run }), revision);
}
