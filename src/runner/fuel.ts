import { integer } from '../ipld/value.ts';
import type { Failure, Usage } from '../receipt/outcome.ts';
import { Counters, STACK_SLOTS } from '../sandbox/metering/counters.ts';
import { MOST_CROSSINGS, type Toll, Uncounted } from '../sandbox/metering/toll.ts';
import type { Job } from './job.ts';
import type { Limits } from '../workflow/limits.ts';

/** A job with what it may burn. */
export interface FueledJob {
  readonly job: Job;
  readonly fuel: Fuel;
}

/** The fuel of one task, whose modules share it; nothing is counted if it has no limit. */
export class Fuel {
  readonly #limit: Limits['fuel'];
  readonly #counters: Counters | undefined;
  readonly #uncounted = new Uncounted();

  constructor({ fuel }: Limits) {
    this.#limit = fuel;
    this.#counters = fuel === undefined ? undefined : new Counters(fuel);
  }

  /** What the host takes its part from. */
  get toll(): Toll {
    return this.#counters ?? this.#uncounted;
  }

  /** Which variant of its modules a task runs. */
  get variant(): 'plain' | 'metered' {
    return this.#counters === undefined ? 'plain' : 'metered';
  }

  /** What metered code imports. */
  get imports(): WebAssembly.Imports {
    return this.#counters?.moduleImports ?? {};
  }

  get usage(): Pick<Usage, 'fuel'> {
    return this.#counters === undefined ? {} : { fuel: integer(this.#counters.used) };
  }

  /** What ended the task, if it was this. Stronger than whatever else its end looks like. */
  get failure(): Failure | undefined {
    switch (this.#counters?.exhausted) {
      case 'fuel':
        return { code: 'limit/fuel', message: `the task used up its fuel of ${this.#limit} units`, data: { limit: this.#limit! } };
      case 'stack':
        return {
          code: 'limit/call-depth',
          message: `calls nest too deep: they take more than the ${STACK_SLOTS} slots that a task with limited fuel has`,
          data: { slots: STACK_SLOTS },
        };
      case undefined:
        return this.#uncounted.isExhausted
          ? {
              code: 'limit/call-depth',
              message: `calls of guests through the host nest deeper than ${MOST_CROSSINGS}`,
              data: { calls: MOST_CROSSINGS },
            }
          : undefined;
    }
  }
}
