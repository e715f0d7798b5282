import { setImmediate as nextTurn } from 'node:timers/promises';
import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { MOST_MODULE_BYTES } from '../runner/module-bounds.ts';
import type { Plan, PlannedTask } from '../workflow/model.ts';
import { grantsOf, unusableGrants } from '../workflow/grants.ts';
import type { Engine } from './engine.ts';
import { checkModule } from './module-check.ts';
import { standsFor } from './resources/shelf.ts';

type Home = Pick<Engine, 'paths' | 'store' | 'ledger'>;

/** Throws `ARGUMENT_INVALID`, `WORKFLOW_INVALID`. */
type Check = (task: PlannedTask) => void;

/** Calls that are checked before others get a turn. */
const CALLS_A_TURN = 500;

/**
 * Checks what tasks call of modules that have WIT types and are here, see `checkCall`, and that others are granted nothing; all is checked once more in the
 * run. What that takes is only loaded where there is such a module. Throws `ARGUMENT_INVALID`, `WORKFLOW_INVALID`, and what `checkModule` throws.
 */
export async function checkCalls(home: Home, { tasks }: Plan): Promise<void> {
  // Tasks made from one template share the CID of their module, so most are found without making its text.
  const byCid = new Map<CID, Check | undefined>();
  const byName = new Map<string, Check | undefined>();
  let checked = 0;
  for (const planned of tasks) {
    const { task, module } = planned;
    if (module === undefined || task.run.op !== 'wasm/run') continue;
    if (!byCid.has(module)) {
      const name = module.toString();
      if (!byName.has(name)) byName.set(name, await checkFor(home, module));
      byCid.set(module, byName.get(name));
    }
    const check = byCid.get(module);
    if (check === undefined) continue;
    check(planned);
    if (++checked % CALLS_A_TURN === 0) await nextTurn();
  }
}

/** `undefined` for one that is not here. */
async function checkFor(home: Home, named: CID): Promise<Check | undefined> {
  const module = standsFor(home, named);
  const kind = await checkModule(home, module, `module ${named}`);
  if (kind !== 'wit') return kind && refuseGrants;
  const [{ worldOf }, { checkCall }] = await Promise.all([import('../sandbox/wit/world.ts'), import('./call-check.ts')]);
  try {
    const world = worldOf(await home.store.read(module, { limit: MOST_MODULE_BYTES }));
    return (planned) => checkCall(world, planned);
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING')) return undefined;
    throw error;
  }
}

/** Of a core module, which takes numbers: its arguments are only known to fit where it is decoded. */
function refuseGrants({ task, label }: PlannedTask): void {
  const grants = grantsOf(task);
  if (grants.length > 0)
    throw new DocketError('WORKFLOW_INVALID', `task ${label}: ${unusableGrants(grants)}`, {
      next: 'Drop "grant".',
      details: { task: label },
    });
}
