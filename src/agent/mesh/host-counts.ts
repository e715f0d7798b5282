import type { RefusedBecause } from '../../protocol/mesh/message.ts';
import type { FailureCode } from '../../receipt/outcome.ts';
import type { Count, Metrics } from '../../telemetry/metrics.ts';
import type { Stage } from './host-attempt.ts';

/** Why a task that was offered was not taken: something of its own, an older epoch or another's, or there is no room for it. */
export type NotTaken = 'refused' | 'epoch' | 'overload' | 'draining' | 'unfetched' | 'broken';

/** What a host tells of itself as it happens. */
export interface HostCounts {
  /** `ok`, `hit`, or the code of a failure. */
  ended(how: 'ok' | 'hit' | FailureCode): void;
  notTaken(why: NotTaken): void;
  /** A message that could not be read. */
  unread(why: RefusedBecause): void;
  /** What joined work that was under way for somebody else. */
  joined(): void;
}

/** Counts what is done for others. `held`: how many attempts are in each stage. */
export function hostCounts(metrics: Metrics, held: () => Readonly<Partial<Record<Stage['tag'], number>>>): HostCounts {
  const ended = metrics.counter({ name: 'docket_hosted_tasks_total', help: 'Tasks of other agents that ended here, by how.' });
  const notTaken = metrics.counter({ name: 'docket_hosted_refused_total', help: 'Tasks of other agents that were not taken, by why.' });
  const unread = metrics.counter({ name: 'docket_mesh_unread_total', help: 'Messages of members that could not be read, by why.' });
  const joined = metrics.counter({ name: 'docket_hosted_joined_total', help: 'Tasks of other agents whose work was under way already.' })();
  metrics.gauge({ name: 'docket_hosted_tasks', help: 'Tasks of other agents that are held here, by where they stand.' }, () =>
    Object.entries(held()).map(([stage, count]) => [{ stage }, count]),
  );
  return {
    ended: counted(ended, 'how'),
    notTaken: counted(notTaken, 'why'),
    unread: counted(unread, 'why'),
    joined: () => joined.add(),
  };
}

/** Of few words, each of which gets its number once. */
function counted(counter: (labels: Record<string, string>) => Count, label: string): (word: string) => void {
  const counts = new Map<string, Count>();
  return (word) => {
    let count = counts.get(word);
    if (count === undefined) counts.set(word, (count = counter({ [label]: word })));
    count.add();
  };
}
