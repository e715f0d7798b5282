import type { Ungiven } from '../../../protocol/explanation.ts';
import type { Present } from './company.ts';

/** What of these grants keeps all other members from running a task that asks for them; undefined if one gives them all, may do so, or nobody else is there. */
export function ungiven(grants: readonly string[], others: readonly Present[]): Ungiven | undefined {
  const denied = others.map(({ grants: given }) => grants.filter((grant) => given?.includes(grant) === false));
  if (denied.length === 0 || denied.some((lacks) => lacks.length === 0)) return undefined;
  return { grants: grants.filter((grant) => denied.some((lacks) => lacks.includes(grant))), members: denied.length };
}
