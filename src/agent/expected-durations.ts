import type { Ledger } from '../ledger/ledger.ts';
import * as Receipt from '../receipt/verify.ts';
import type { Plan } from '../workflow/model.ts';
import { Float } from '../ipld/value.ts';

/** Tasks of a group whose earlier receipts are looked at. */
const SAMPLES = 8;

/**
 * Expected milliseconds of each task, by the receipts that earlier tasks of its group left. A sample of each group suffices: its tasks run the
 * same module, and those whose inputs changed have no receipt of their own anyway. Undefined where nothing was measured. Receipts are read when the
 * first task is asked for.
 */
export function expectedDurations(ledger: Pick<Ledger, 'receiptsOfInstruction'>, plan: Plan): (task: number) => number | undefined {
  let means: ReadonlyMap<string, number> | undefined;
  return (task) => (means ??= meansOf(ledger, plan)).get(plan.tasks[task]!.group);
}

/** By group. */
function meansOf(ledger: Pick<Ledger, 'receiptsOfInstruction'>, plan: Plan): Map<string, number> {
  const members = new Map<string, number[]>();
  plan.tasks.forEach(({ group }, i) => {
    const known = members.get(group);
    if (known === undefined) members.set(group, [i]);
    else known.push(i);
  });
  const means = new Map<string, number>();
  for (const [group, tasks] of members) {
    const step = Math.max(1, Math.floor(tasks.length / SAMPLES));
    const walls = tasks.filter((_, i) => i % step === 0).flatMap((task) => measured(ledger, plan, task));
    if (walls.length > 0) means.set(group, walls.reduce((sum, wall) => sum + wall, 0) / walls.length);
  }
  return means;
}

function measured(ledger: Pick<Ledger, 'receiptsOfInstruction'>, plan: Plan, task: number): number[] {
  const [row] = ledger.receiptsOfInstruction(plan.tasks[task]!.instruction, 1);
  const receipt = row && Receipt.decodeAs(row.cid, row.bytes);
  if (receipt === undefined || receipt.out[0] === 'error') return [];
  const { wall } = receipt.meta.usage;
  return [wall instanceof Float ? wall.value : wall];
}
