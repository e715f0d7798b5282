import type { Driver } from '../scheduler/driver.ts';
import type { Engine } from './engine.ts';

/** Drives runs in this process. What that takes is loaded when there is something to drive. */
export function localDriver(engine: Engine): Driver {
  return {
    run: async (plan, options) => (await import('./run-plan.ts')).runPlan(engine, plan, options),
    async resume(run, plan, { slots, failFast, awaitTime, ...hooks }) {
      const [{ resumeRun }, { resumption }] = await Promise.all([import('./run-plan.ts'), import('./resumption.ts')]);
      const asked = {
        ...(slots === undefined ? {} : { slots }),
        ...(failFast === undefined ? {} : { failFast }),
        ...(awaitTime === undefined ? {} : { awaitTime }),
      };
      return await resumeRun(engine, run, plan, { ...resumption(engine, engine.ledger.run(run)!, plan, asked), ...hooks });
    },
  };
}
