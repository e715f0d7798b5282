import type { PeerService } from '../protocol/peers.ts';
import type { Rights } from '../protocol/rights.ts';
import type { JobEnd } from '../protocol/services.ts';
import { DocketError } from '../errors.ts';
import type { Ipld } from '../ipld/value.ts';
import type { ManifestLimits, Permission } from '../manifest/model.ts';
import { covers } from '../manifest/permission.ts';
import { parseReference } from '../manifest/reference.ts';
import type { Plan } from '../workflow/model.ts';
import { DEFAULT_LIMITS } from '../workflow/limits.ts';
import { GRANTS } from '../workflow/grants.ts';
import { bindExtensions, extensionsDocument, extensionsInput, type Shelf } from './bind-extensions.ts';
import type { Engine } from './engine.ts';
import { execPlan } from './exec-plan.ts';
import { findJob } from './find-job.ts';
import * as Modules from './named-modules.ts';
import { requireGranted } from './permissions.ts';
import { readReceipt } from './read-receipt.ts';
import { runPlan } from './run-plan.ts';
import type { Sharing } from './trust/sharing.ts';
import type { RunWatch } from './run-watch.ts';

interface Job {
  readonly reference: string;
  readonly stdin: Ipld;
  /** What modules may be given. */
  readonly policy: readonly Permission[];
  /** What it may not exceed, whatever the manifest says. */
  readonly limits: ManifestLimits;
  readonly signal: AbortSignal;
  readonly watch: RunWatch;
  /** Who may have extensions that are not here. */
  readonly peers: Pick<PeerService, 'bringModule'>;
  /** In a mesh. */
  readonly sharing: Sharing | undefined;
  /** The header of that name, for those who watch. */
  readonly traceparent?: string | undefined;
}

/** What named modules are run by. */
export const JOB_OP = 'wasi/run';

/** Runs a named module on what it reads from stdin, as `docket exec NAME` does. Throws `USAGE`, `MANIFEST_UNKNOWN`, `PERMISSION_DENIED`, `EXTENSION_INVALID`. */
export async function runJob(engine: Engine, job: Job): Promise<JobEnd> {
  const { reference, stdin, policy, limits: most } = job;
  const found = Modules.find(engine, parseReference(reference));
  const { manifest } = await Modules.read(engine, found);
  const { permissions, args, env, limits } = manifest;
  const name = `${found.shown}@${found.version}`;
  const isGranted = (permission: Permission): boolean => policy.some((granted) => covers(granted, permission));
  requireGranted(name, manifest, {
    isGranted,
    advice: (permission) => `Start the agent with --allow ${permission} if you trust the module.`,
  });
  const grants = GRANTS.filter((grant) => permissions.some(({ kind }) => kind === grant));
  const bound = await bindExtensions(shelfOf(engine, job), found, manifest);
  const extensions = extensionsDocument(bound);
  const plan = execPlan({
    name,
    module: found.module,
    args,
    env,
    stdin,
    files: {},
    keepFiles: false,
    extensions: extensionsInput(bound),
    grants,
    limits: bounded(limits, most),
  });
  return { ...(await watched(engine, plan, job)), extensions };
}

/** The named modules of a home, and those its peers have. */
function shelfOf(engine: Engine, { peers, signal }: Pick<Job, 'peers' | 'signal'>): Shelf {
  return {
    async find(reference) {
      await peers.bringModule(reference, { hops: 0, signal });
      return Modules.find(engine, parseReference(reference));
    },
    store: engine.store,
  };
}

/** The job, found or run, with somebody watching. */
async function watched(engine: Engine, plan: Plan, { signal, watch, traceparent, sharing }: Job): Promise<Omit<JobEnd, 'extensions'>> {
  const observer = watch({ plan, kind: 'job', traceparent });
  try {
    const known = await findJob(engine, plan);
    if (known === undefined) {
      const { begun: onRun, event: onEvent, driven: onDriven } = observer;
      const { run, state } = await runPlan(engine, plan, { isJob: true, sharing, signal, onRun, onEvent, onDriven });
      observer.ended(state);
      return endOf(engine, run);
    }
    observer.begun(known.run);
    observer.event({ kind: 'settled', task: 0, state: 'ok', via: 'declared' });
    observer.ended('completed');
    return known;
  } catch (error) {
    observer.ended('broken');
    throw error;
  }
}

function endOf(engine: Engine, run: string): Omit<JobEnd, 'extensions'> {
  const row = engine.ledger.runTask(run, 0);
  const receipt = row?.receipt ?? undefined;
  const read = receipt && readReceipt(engine, receipt);
  return { run, receipt, isCached: row?.via === 'declared' || row?.via === 'resolved', outcome: read?.outcome };
}

/** The smaller of each; a limit that only the second names bounds what would be the default. */
function bounded(limits: ManifestLimits, most: ManifestLimits): ManifestLimits {
  const bounds = Object.entries(most).map(([key, amount]) => {
    const name = key as keyof ManifestLimits;
    return [name, Math.min(limits[name] ?? Number(DEFAULT_LIMITS[name] ?? Infinity), amount as number)];
  });
  return { ...limits, ...Object.fromEntries(bounds) };
}

/** Throws `FORBIDDEN` if these rights are for other modules. */
export function checkRights(reference: string, { modules }: Rights): void {
  if (modules === undefined || modules.includes(parseReference(reference).key)) return;
  throw new DocketError('FORBIDDEN', `the token is not for the module ${reference}`);
}
