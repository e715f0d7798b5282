import type { Explanation } from '../../../protocol/explanation.ts';
import { grantsOf } from '../../../workflow/grants.ts';
import type { PlannedTask } from '../../../workflow/model.ts';
import type { Engine } from '../../engine.ts';
import { planOf } from '../../plan-of.ts';
import type { Company } from './company.ts';
import type { JournaledOptions } from './journaled.ts';
import { ranBefore } from './ran-before.ts';
import { ungiven } from './ungiven.ts';

interface Around extends JournaledOptions {
  readonly engine: Engine;
  readonly company: Company;
}

/** What a home says of a task of a run that it drives, or did, with what the mesh knows of that. */
export async function whyInMesh(
  around: Around,
  { run, label }: { readonly run: string; readonly label: string },
  why: Explanation,
): Promise<Explanation> {
  const { did } = around.engine.key;
  const { tasks } = await planOf(around.engine, run);
  const index = tasks.findIndex((task) => task.label === label);
  const planned = tasks[index]!;
  switch (why.kind) {
    case 'unneeded':
      return { ...why, ...(await ranBefore(around, run, index)) };
    case 'found':
      return signedBy(did, why);
    case 'ran': {
      const signed = signedBy(did, why);
      return signed.issuer === did ? { ...signed, ...keptFrom(around, planned) } : signed;
    }
    case 'pending':
      return why.member === undefined ? { ...why, ...keptFrom(around, planned) } : why;
    default:
      return why;
  }
}

/** A home leaves out who signed a result if that is itself; whoever asks at another agent does not know whom that means. */
function signedBy<T extends Extract<Explanation, { kind: 'ran' | 'found' }>>(did: string, why: T): T {
  return why.receipt !== null && !('issuer' in why) ? { ...why, issuer: did } : why;
}

function keptFrom({ company }: Around, { task }: PlannedTask): Pick<Extract<Explanation, { kind: 'ran' }>, 'ungiven'> {
  const found = ungiven(grantsOf(task), company.others());
  return found === undefined ? {} : { ungiven: found };
}
