import type { CID } from '../ipld/cid.ts';
import { DigestTable } from '../workflow/digest-table.ts';
import type { Awaited, Branch, Plan } from '../workflow/model.ts';
import { visitPromises } from '../workflow/promise.ts';
import type { Hit, Lookup } from './lookup.ts';
import { nameOfBytes } from './name-of-bytes.ts';
import type { RunState, Settled } from './state.ts';

/** What the promises of a run stand for: results of its own tasks, or of instructions of earlier runs. */
export class Promises {
  readonly #state: RunState;
  /** Made at the first promise: a flat graph of a million tasks has none. */
  #instructions: DigestTable | undefined;
  readonly #external = new Map<string, Hit>();

  constructor(state: RunState) {
    this.#state = state;
  }

  /** Whether a promise on an instruction that is not in the plan has a result: the newest of the kind it awaits. */
  find({ instruction, branch }: Awaited, lookup: Lookup): boolean {
    const name = nameOf(instruction, branch);
    if (this.#external.has(name)) return true;
    const hit = lookup.newest(instruction, branch);
    if (hit !== undefined) this.#external.set(name, hit);
    return hit !== undefined;
  }

  /** Tasks the named outputs await. */
  tasksOf(outputs: Plan['outputs']): number[] {
    const found: number[] = [];
    visitPromises(Object.values(outputs), ({ instruction }) => {
      const task = this.#taskOf(instruction);
      if (task !== undefined) found.push(task);
    });
    return found;
  }

  given({ instruction, branch }: Awaited): { readonly result: Settled | undefined; readonly label: string } {
    const task = this.#taskOf(instruction);
    if (task === undefined) return { result: this.#external.get(nameOf(instruction, branch)), label: instruction.toString() };
    return { result: this.#state.results[task], label: this.#state.plan.tasks[task]!.label };
  }

  #taskOf({ multihash }: CID): number | undefined {
    if (this.#instructions === undefined) {
      this.#instructions = new DigestTable();
      for (const { digest } of this.#state.plan.tasks) this.#instructions.add(digest);
    }
    return this.#instructions.find(multihash.digest);
  }
}

function nameOf({ multihash }: CID, branch: Branch): string {
  return `${branch} ${nameOfBytes(multihash.digest)}`;
}
