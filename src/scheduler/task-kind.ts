import type { IpldMap } from '../ipld/value.ts';
import * as Needs from '../workflow/needs.ts';
import type { Plan } from '../workflow/model.ts';
import type { Policies } from './policies.ts';

/** Tasks that are the same to whoever looks for a place: those that can be run at the same places. */
export interface TaskKind {
  /** Equal for equal kinds. */
  readonly name: string;
  readonly op: string;
  readonly needs: Needs.Needs;
  /** What it asks for beyond its inputs. Left out: nothing. */
  readonly grants?: readonly string[];
  /** Agents that said already what comes out: it goes to others. */
  readonly notAt?: ReadonlySet<string>;
  /** The one agent it is to be run by. */
  readonly onlyAt?: string;
}

/** The same kind, but for those who may run it. */
export function restrict(kind: TaskKind, { notAt, onlyAt }: Pick<TaskKind, 'notAt' | 'onlyAt'>): TaskKind {
  if (onlyAt !== undefined) return { ...kind, name: `${kind.name} only at ${onlyAt}`, onlyAt };
  if (notAt === undefined || notAt.size === 0) return kind;
  return { ...kind, name: `${kind.name} not at ${[...notAt].toSorted().join(' ')}`, notAt };
}

/** What a place lacks for tasks of a kind, in words; undefined if it has all. */
export function lackOf({ op, needs, notAt, onlyAt }: TaskKind, place: Needs.Offer & { readonly did: string }): string | undefined {
  if (notAt?.has(place.did) === true) return 'it said already what comes out';
  if (onlyAt !== undefined && onlyAt !== place.did) return 'it is to be checked by another';
  return place.ops.includes(op) ? Needs.lacking(needs, place)[0] : `it does not run ${op}`;
}

/** The same of a member, which gives tasks of others no more than anybody may have of it. One that does not say what that is may give all. */
export function lackThere(
  kind: TaskKind,
  member: Parameters<typeof lackOf>[1] & { readonly grants?: readonly string[] },
): string | undefined {
  const denied = kind.grants?.find((grant) => member.grants?.includes(grant) === false);
  return denied === undefined ? lackOf(kind, member) : `it does not give ${denied} to tasks (--allow ${denied} there)`;
}

/** Where all places are alike. */
const ANY: TaskKind = { name: '', op: '', needs: Needs.NO_NEEDS };

/** Of which kind each task of a run is: its op, its grants and its needs. One object for each kind. */
export class Kinds {
  readonly #plan: Plan;
  readonly #policies: Policies;
  readonly #known = new Map<string, TaskKind>();
  /** Tasks of one template share their `meta`. */
  readonly #needs = new Map<IpldMap, { readonly needs: Needs.Needs; readonly text: string }>();
  /** Places differ only for tasks that need anything. */
  readonly #isPlain: boolean;

  constructor(plan: Plan, policies: Policies, { isPlain }: { readonly isPlain: boolean }) {
    this.#plan = plan;
    this.#policies = policies;
    this.#isPlain = isPlain;
  }

  of(task: number): TaskKind {
    const { run, meta } = this.#plan.tasks[task]!.task;
    if (meta['needs'] === undefined && this.#isPlain) return ANY;
    const { needs, text } = this.#needsOf(meta);
    const { grants } = this.#policies.of(task);
    const name = `${run.op} ${grants.join(',')} ${needs.within ?? ''} ${text}`;
    let kind = this.#known.get(name);
    if (kind === undefined) this.#known.set(name, (kind = { name, op: run.op, needs, grants }));
    return kind;
  }

  #needsOf(meta: IpldMap): { readonly needs: Needs.Needs; readonly text: string } {
    if (meta['needs'] === undefined) return NONE;
    let known = this.#needs.get(meta);
    if (known === undefined) {
      const needs = Needs.fromMeta(meta);
      this.#needs.set(meta, (known = { needs, text: Needs.textOf(needs) }));
    }
    return known;
  }
}

const NONE = { needs: Needs.NO_NEEDS, text: '' };
