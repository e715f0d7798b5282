import type { CID } from '../ipld/cid.ts';
import type { Plan } from '../workflow/model.ts';

/**
 * The plan that was read last, as long as nobody needs its memory: whoever looks at a run asks for page after page of its tasks, and decoding a plan of a hundred thousand takes
 * seconds. A CID names one plan for ever, so it cannot be out of date.
 */
export class RememberedPlan {
  #name = '';
  #plan: WeakRef<Plan> | undefined;

  async get(cid: CID, read: () => Promise<Plan>): Promise<Plan> {
    const name = cid.toString();
    const known = this.#name === name ? this.#plan?.deref() : undefined;
    if (known !== undefined) return known;
    const plan = await read();
    [this.#name, this.#plan] = [name, new WeakRef(plan)];
    return plan;
  }
}
