import type { Trust } from '../../receipt/trust.ts';
import type { Dissent } from '../../scheduler/voting.ts';
import type { SharedResults } from '../../scheduler/shared-results.ts';
import type { Agree } from '../../workflow/agree.ts';

/** What runs of an agent in a mesh have of its results: who is believed, where results of others are found, and how they are checked. */
export interface Sharing {
  readonly trust: Trust;
  readonly shared: SharedResults;
  /** As `CoordinatorOptions.kept`. */
  readonly kept: () => Promise<void>;
  /** Where neither the author nor the run says anything. */
  readonly agree: Agree | undefined;
  /** Undefined: nothing is checked. */
  readonly mayCheck: ((task: number) => boolean) | undefined;
  readonly onDissent: (dissent: Dissent) => void;
}
