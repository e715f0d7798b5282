import { DocketError, isDocketError } from '../errors.ts';
import type { Permission } from '../manifest/model.ts';
import { GRANTS, grantsOf } from '../workflow/grants.ts';
import type { Plan } from '../workflow/model.ts';
import { requireOp } from './op-policy.ts';
import type { Resources } from './resources/resources.ts';
import type { Shortage } from './resources/supply.ts';

/** Whether an agent takes a run, by what its tasks ask for. All of it is said before there is a run. */

interface Terms {
  /** What modules may be given. */
  readonly policy: readonly Permission[];
  readonly ops: readonly string[];
}

/** What tasks may be granted of what modules may be given. */
export function grantsBy(policy: readonly Permission[]): readonly string[] {
  return GRANTS.filter((grant) => policy.some(({ kind }) => kind === grant));
}

/** Throws `OP_REFUSED`, and `PERMISSION_DENIED` unless the run is of somebody who may give everything. */
export function admit({ tasks }: Pick<Plan, 'tasks'>, { policy, ops }: Terms, isTrusted: boolean): void {
  const given = grantsBy(policy);
  for (const { task, label } of tasks) {
    requireOp(task.run.op, ops, `task ${label}`);
    const denied = isTrusted ? undefined : grantsOf(task).find((grant) => !given.includes(grant));
    if (denied !== undefined)
      throw new DocketError('PERMISSION_DENIED', `task ${label} asks for ${denied}, which this agent does not give`, {
        next: `Start the agent with --allow ${denied} if you trust the module.`,
        details: { permission: denied },
      });
  }
}

/** Throws what `Resources.checkAllowed` throws for what will not be asked for, whoever wants it. */
export function admitResources({ tasks }: Plan, shortage: Shortage | undefined, resources: Pick<Resources, 'checkAllowed'>): void {
  for (const rsc of shortage?.modules ?? [])
    try {
      resources.checkAllowed(rsc);
    } catch (error) {
      if (!isDocketError(error)) throw error;
      const label = tasks.find(({ task }) => task.run.rsc === rsc)?.label;
      throw new DocketError(error.code, `task ${label} cannot have ${rsc}: ${error.message}`, { cause: error });
    }
}
