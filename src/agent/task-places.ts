import type { Plan } from '../workflow/model.ts';

/** Places remembered. */
const MOST = 1000;

/** Where in a plan tasks stand. Who follows one asks again and again, and a plan may have a million. */
export class TaskPlaces {
  readonly #plan: Plan;
  readonly #known = new Map<string, number | undefined>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** By the digest of its instruction. */
  of(digest: Uint8Array): number | undefined {
    const name = Buffer.from(digest).toString('latin1');
    if (this.#known.has(name)) return this.#known.get(name);
    const found = this.#plan.tasks.findIndex((task) => Buffer.compare(task.digest, digest) === 0);
    const place = found < 0 ? undefined : found;
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(name, place);
    return place;
  }
}
