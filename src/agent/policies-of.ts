import { semanticsOf } from '../runner/ops.ts';
import { Policies } from '../scheduler/policies.ts';
import type { Plan } from '../workflow/model.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { standsFor } from './resources/shelf.ts';

/** How the tasks of a plan are run and filed on this home. */
export function policiesOf(engine: { readonly ledger: Ledger }, plan: Plan): Policies {
  return new Policies(plan, semanticsOf, (cid) => standsFor(engine, cid));
}
