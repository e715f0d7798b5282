import { decode } from '../../ipld/dag-cbor.ts';
import { type HostedAttempt, HostedJournal } from '../../ledger/hosted.ts';
import { Lock } from '../../ledger/locks.ts';
import type { Outcome } from '../../receipt/outcome.ts';
import { type Filed, signAll } from '../../scheduler/filed.ts';
import type { Task } from '../../workflow/model.ts';
import type { Parts } from '../crash-receipts.ts';
import { standsFor } from '../resources/shelf.ts';
import { offeredWork } from './host-work.ts';

const CRASH: Outcome = {
  tag: 'error',
  failure: { code: 'lost', message: 'the agent that ran it for another ended while the task was with a runner' },
};
const NO_USAGE = { wall: 0, cpu: 0, memory: 0, output: 0 };

/**
 * Gives the attempts at tasks of others that died with an agent on this home their receipts. An agent that lives holds the lock, and is left alone. Their
 * coordinators have seen that the agent was gone, and wait for nothing of it.
 */
export async function settleHosted(parts: Parts): Promise<void> {
  using lock = Lock.tryAcquire(parts.paths.hostedLock, { patience: 0 });
  if (lock === undefined) return;
  await settleOwned(parts);
  lock.remove();
}

/** The same for who holds the lock. Who is killed after the commit issues the same receipts once more, bit by bit. */
export async function settleOwned(parts: Pick<Parts, 'paths' | 'ledger' | 'key'>): Promise<void> {
  const { paths, ledger, key } = parts;
  const begun = HostedJournal.read(paths.hosted, (cid) => ledger.receipt(cid) !== undefined);
  if (begun.length > 0)
    await ledger.commit(
      await signAll(
        begun.flatMap((attempt) => crashOf(attempt, parts)),
        key,
      ),
    );
  HostedJournal.discard(paths.hosted);
}

function crashOf({ work, module, label, attempt, started }: HostedAttempt, parts: Pick<Parts, 'ledger' | 'key'>): Filed[] {
  // As it was written here, after it was decoded once.
  const { task } = decode(work) as unknown as { readonly task: Task };
  const { plan, policies, filing } = offeredWork([{ work: task, module, label, isForced: false }], {
    memo: parts.ledger,
    blobs: { standsFor: (cid) => standsFor(parts, cid) },
    issuer: parts.key.did,
  });
  const ended = {
    index: 0,
    task: plan.tasks[0]!,
    policy: policies.of(0),
    outcome: CRASH,
    usage: NO_USAGE,
    started,
    attempt,
    key: undefined,
  };
  return filing.issue(ended).changes;
}
