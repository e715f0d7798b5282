import type { JobEnd } from '../api/services.ts';
import { DocketError } from '../errors.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Permission } from '../manifest/model.ts';
import { covers, permissionText } from '../manifest/permission.ts';
import { parseReference } from '../manifest/reference.ts';
import { GRANTS } from '../workflow/policy.ts';
import type { Engine } from './engine.ts';
import { execPlan } from './exec-plan.ts';
import * as Modules from './named-modules.ts';
import { readReceipt } from './read-receipt.ts';
import { runPlan } from './run-plan.ts';

interface Job {
  readonly reference: string;
  readonly stdin: Ipld;
  /** What modules may be given. */
  readonly policy: readonly Permission[];
  readonly signal: AbortSignal;
}

/** Runs a named module on what it reads from stdin, as `docket exec NAME` does. Throws `USAGE`, `MANIFEST_UNKNOWN`, `PERMISSION_DENIED`. */
export async function runJob(engine: Engine, { reference, stdin, policy, signal }: Job): Promise<JobEnd> {
  const found = Modules.find(engine, parseReference(reference));
  const { manifest } = await Modules.read(engine, found);
  const { permissions, args, env, limits } = manifest;
  const name = `${found.shown}@${found.version}`;
  for (const permission of permissions) checkPermission(name, permission, policy);
  const grants = GRANTS.filter((grant) => permissions.some(({ kind }) => kind === grant));
  const plan = execPlan({ name, module: found.module, args, env, stdin, files: {}, keepFiles: false, grants, limits });
  const { run } = await runPlan(engine, plan, { signal });
  const row = engine.ledger.runTask(run, 0);
  const receipt = row?.receipt ?? undefined;
  const read = receipt && readReceipt(engine, receipt);
  return { run, receipt, isCached: row?.via === 'declared' || row?.via === 'resolved', outcome: read?.outcome };
}

function checkPermission(name: string, asked: Permission, policy: readonly Permission[]): void {
  const text = permissionText(asked);
  const isKnown = GRANTS.some((grant) => grant === asked.kind);
  if (isKnown && policy.some((granted) => covers(granted, asked))) return;
  throw new DocketError(
    'PERMISSION_DENIED',
    `${name} asks for ${text}, which ${isKnown ? 'this agent does not give' : 'Docket gives nobody yet'}`,
    {
      next: isKnown ? `Start the agent with --allow ${text} if you trust the module.` : 'It cannot be run.',
      details: { permission: text },
    },
  );
}
