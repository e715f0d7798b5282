import { clip } from '../module/fault.ts';
import { addAlias } from './alias.ts';
import { findOffer, type Offer } from './host-interface.ts';
import type { Declaration, Description } from './model.ts';
import type { Func } from './plan-model.ts';
import { resolveType } from './resolve-types.ts';
import { type Exports, invalid, type Item, named, Scope } from './scope.ts';
import { signatureText } from './signature.ts';
import { partsOf, type Work } from './work.ts';

/** Characters of a type's text that take the time of a definition. */
const TEXT_PER_PART = 100;

export interface Extern {
  readonly name: string;
  readonly description: Description;
}

/** What a component imports of the host, linked to what is offered; and what is not, to be refused together. All throw `MODULE_INVALID`. */
export class HostImports {
  readonly #offer: Offer;
  readonly #work: Work;
  /** By interface, or by name what is no interface: what of it, and undefined for all of it. */
  readonly #missing = new Map<string, Set<string | undefined>>();
  #isCalled = false;

  constructor(offer: Offer, work: Work) {
    this.#offer = offer;
    this.#work = work;
  }

  /** Whether any function of the host is imported. */
  get isCalled(): boolean {
    return this.#isCalled;
  }

  /** It is called in another way than by interfaces. */
  call(): void {
    this.#isCalled = true;
  }

  /**
   * An interface of the host as a component declares it; it gets the functions it knows, if they are what it takes them for. What is not there stands for nothing, and
   * is told when all is known. An interface that declares types alone needs nobody to offer it.
   */
  instance(name: string, declarations: readonly Declaration[], parent: Scope): Exports {
    const found = findOffer(this.#offer, name);
    const scope = new Scope(parent, -1);
    const exports = new Map<string, Item>();
    for (const declaration of declarations) {
      if (declaration.kind !== 'export') this.declare(declaration, scope);
      else {
        const item = this.#declared(name, found, declaration, scope);
        scope.addItem(item);
        exports.set(declaration.name, item);
      }
    }
    return exports;
  }

  #declared(from: string, found: Offer[number] | undefined, { name, description }: Extern, scope: Scope): Item {
    this.#work.count();
    if (description.sort === 'type') {
      if ('equals' in description) return { sort: 'type', type: scope.get('type', description.equals) };
      const resource = found && own(found.resources, name);
      if (resource === undefined) this.miss(from, found && name);
      return { sort: 'type', type: { kind: 'resource', resource: resource ?? { name, definer: undefined } } };
    }
    if (description.sort !== 'func') throw invalid(`${named(from)} is declared with ${named(name)}, which is no function and no type`);
    const offered = found && own(found.functions, name);
    if (found === undefined || offered === undefined) {
      this.miss(from, found && name);
      return { sort: 'func', func: this.#func(from, name, description.type, scope) };
    }
    const func = this.#func(found.name, name, description.type, scope);
    const text = signatureText(func.signature);
    this.#work.count(Math.ceil(text.length / TEXT_PER_PART));
    if (offered.type !== undefined && text !== offered.type)
      throw invalid(`the component takes ${found.name} ${name} to be ${clip(text)}, it is ${offered.type}`);
    return { sort: 'func', func };
  }

  #func(from: string, name: string, index: number, scope: Scope): Func {
    this.#isCalled = true;
    const type = scope.get('type', index);
    if (type.kind !== 'func') throw invalid(`${named(name)} is declared with what is no type of functions`);
    return { kind: 'host', signature: type.signature, interface: from, name };
  }

  /** The host has no functions outside of interfaces. */
  missingFunc(name: string, index: number, scope: Scope): Func {
    this.miss(name, undefined);
    return this.#func('', name, index, scope);
  }

  /** All of an interface, or one thing in it. */
  miss(from: string, name: string | undefined): void {
    const found = this.#missing.get(from) ?? new Set();
    found.add(name);
    this.#missing.set(from, found);
  }

  keepMissing(matters: (from: string, name: string | undefined) => boolean): void {
    for (const [from, names] of this.#missing) {
      for (const name of names) if (!matters(from, name)) names.delete(name);
      if (names.size === 0) this.#missing.delete(from);
    }
  }

  /** Throws `MODULE_INVALID`, naming what is missing. */
  refuseMissing(): void {
    const count = [...this.#missing.values()].reduce((sum, names) => sum + names.size, 0);
    if (count > 0) throw missing(this.#listMissing(), count);
  }

  #listMissing(): string[] {
    const listed: string[] = [];
    for (const [from, names] of this.#missing) {
      for (const name of names) {
        if (listed.length >= MOST_LISTED) return listed;
        listed.push(name === undefined ? from : `${from} ${name}`);
      }
    }
    return listed;
  }

  /** What stands in the type of an instance or component beside imports and exports. */
  declare(declaration: Declaration, scope: Scope): void {
    this.#work.count(partsOf(declaration));
    if (declaration.kind === 'alias') addAlias(declaration, scope);
    if (declaration.kind !== 'type') return;
    const type = resolveType(declaration.type, scope);
    if (type === undefined) throw invalid('the type of an instance defines a resource');
    scope.add('type', type);
  }
}

/** Its own properties only: names come from the component. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

const MOST_LISTED = 10;

/** `names`: the first of `count`. */
export function missing(names: readonly string[], count = names.length): Error {
  const listed = names.slice(0, MOST_LISTED).map((name) => named(name));
  const more = count > MOST_LISTED ? ` and ${count - MOST_LISTED} more` : '';
  return invalid(`the component imports what is not there: ${listed.join(', ')}${more}`, {
    imports: names.slice(0, MOST_LISTED).map((name) => name.slice(0, 200)),
  });
}
