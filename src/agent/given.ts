import type { Plan } from '../workflow/model.ts';
import type { Given } from '../scheduler/inputs.ts';
import { FAILED, OK } from '../scheduler/state.ts';
import type { Engine } from './engine.ts';
import { readReceipt } from './read-receipt.ts';

/** What the promises of a run's tasks stand for, by the receipts its rows name; nothing where those are gone. */
export function givenBy(engine: Pick<Engine, 'ledger'>, run: string, plan: Plan): Given {
  const instructions = new Map(plan.tasks.map(({ instruction }, i) => [instruction.toString(), i]));
  return ({ instruction }) => {
    const task = instructions.get(instruction.toString());
    const cid = task === undefined ? undefined : engine.ledger.runTask(run, task)?.receipt;
    const out = cid == null ? undefined : readReceipt(engine, cid)?.receipt.out;
    const result = out && ({ status: out[0] === 'error' ? FAILED : OK, value: out[1], via: 'ran' } as const);
    return { result, label: instruction.toString() };
  };
}
