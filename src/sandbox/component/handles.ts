import { trap } from './trap.ts';

/** A kind of resource. Compared by identity. */
export interface ResourceType {
  readonly name: string;
  /** The component instance that defines it, by number; undefined: the host. */
  readonly definer: number | undefined;
}

/** What a call borrowed, until it returns. */
export interface Scope {
  /** Handles given to the callee that it has not dropped yet. */
  borrows: number;
  /** Handles of the caller that are lent out. */
  readonly lenders: Entry[];
}

export function newScope(): Scope {
  return { borrows: 0, lenders: [] };
}

export interface Entry {
  readonly type: ResourceType;
  /** What stands for the resource: an i32 of the instance that defines it, an object of the host. */
  readonly rep: unknown;
  /** The call it is borrowed for; undefined: it is owned. */
  readonly scope: Scope | undefined;
  lent: number;
}

/** Each is an object here, outside of the guest's memory. */
const MOST_HANDLES = 65_536;

/**
 * The handles of one component instance: small numbers that stand for resources. A guest may pass any number, so each use checks
 * that it is one, and of the right kind.
 */
export class Handles {
  /** Place 0 stays empty: no handle is 0. */
  readonly #entries: (Entry | undefined)[] = [undefined];
  readonly #free: number[] = [];

  add(type: ResourceType, rep: unknown, scope?: Scope): number {
    const entry: Entry = { type, rep, scope, lent: 0 };
    if (scope !== undefined) scope.borrows++;
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#entries[free] = entry;
      return free;
    }
    if (this.#entries.length > MOST_HANDLES) throw trap(`the component holds more than ${MOST_HANDLES} handles`);
    return this.#entries.push(entry) - 1;
  }

  get(handle: number, type: ResourceType): Entry {
    const entry = this.#entries[handle >>> 0];
    if (entry === undefined) throw trap(`there is no handle ${handle >>> 0}`);
    if (entry.type !== type) throw trap(`handle ${handle >>> 0} is a ${entry.type.name}, not a ${type.name}`);
    return entry;
  }

  /** Takes it out. One that is lent cannot go. */
  remove(handle: number, type: ResourceType): Entry {
    const entry = this.get(handle, type);
    if (entry.lent > 0) throw trap(`handle ${handle >>> 0} is given up while it is lent`);
    if (entry.scope !== undefined) entry.scope.borrows--;
    this.#entries[handle >>> 0] = undefined;
    this.#free.push(handle >>> 0);
    return entry;
  }

  /** Takes it out for another owner. Gives what stands for the resource. */
  give(handle: number, type: ResourceType): unknown {
    if (this.get(handle, type).scope !== undefined) throw trap(`handle ${handle >>> 0} is borrowed, and is given away`);
    return this.remove(handle, type).rep;
  }

  /** Gives what stands for the resource; the handle stays where it is until `scope` ends. */
  lend(handle: number, type: ResourceType, scope: Scope): unknown {
    const entry = this.get(handle, type);
    if (entry.scope === undefined) {
      entry.lent++;
      scope.lenders.push(entry);
    }
    return entry.rep;
  }

  /** What is owned at the end, for the host to let go of. */
  *owned(): Generator<Entry> {
    for (const entry of this.#entries) if (entry !== undefined && entry.scope === undefined) yield entry;
  }
}

/** The call returned: what it lent is whole again. */
export function endScope({ lenders }: Scope): void {
  for (const entry of lenders) entry.lent--;
}
