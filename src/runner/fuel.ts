import { integer } from '../ipld/value.ts';
import type { Failure, Usage } from '../receipt/outcome.ts';
import { Counters, STACK_SLOTS } from '../sandbox/metering/counters.ts';
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

  constructor({ fuel }: Limits) {
    this.#limit = fuel;
    this.#counters = fuel === undefined ? undefined : new Counters(fuel);
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
        return undefined;
    }
  }
}
