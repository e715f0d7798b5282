import type { Driver } from '../scheduler/driver.ts';
import type { Engine } from './engine.ts';
import { stillForced } from './forced.ts';
import { resumeRun, runPlan } from './run-plan.ts';

/** Drives runs in this process. */
export function localDriver(engine: Engine): Driver {
  return {
    run: (plan, options) => runPlan(engine, plan, options),
    async resume(run, plan, { slots, failFast, ...hooks }) {
      const row = engine.ledger.run(run)!;
      const before = row.options as { readonly failFast?: unknown; readonly slots?: unknown };
      const most = slots ?? before.slots;
      return await resumeRun(engine, run, plan, {
        force: stillForced(engine, row, plan),
        failFast: failFast === true || before.failFast === true,
        ...(typeof most === 'number' ? { slots: most } : {}),
        ...hooks,
      });
    },
  };
}
