import { compile, type Prepared } from '../module/prepare.ts';
import { tableCaps } from '../module/table-caps.ts';
import type { FunctionType } from '../module/model.ts';
import type { WitItem } from '../wit/model.ts';
import { preview1Names } from '../wasi/signatures.ts';
import { decodeComponent } from './decode.ts';
import type { ResourceType } from './handles.ts';
import { findOffer, type Offer } from './host-interface.ts';
import type { Alias, CanonOptions, Canon, Declaration, Definition, Description, Named, TypeDefinition } from './model.ts';
import { type CoreItem, type CoreModule, type CoreStep, type Func, type Plan, type Side, witFunction } from './plan-model.ts';
import { resolveType, resourceAt } from './resolve-types.ts';
import { type Closure, CORE_KINDS, type Exports, invalid, type Item, named, Scope, type TypeItem } from './scope.ts';
import { liftedType, loweredType, sameType, showType, signatureText } from './signature.ts';

/**
 * Definitions and their parts that are looked at, once for each time: a few bytes may instantiate a component again or export an interface under another name. Real
 * ones have some thousands.
 */
const MOST_WORK = 500_000;
const MOST_CORE_INSTANCES = 200;
/** Of all its core instances, which lie outside of their memories. */
const MOST_TABLE_ENTRIES = 4 << 20;

/** Makes a core module ready to be instantiated, plain or metered; without `module`, to be judged only. */
export type CompileCore = (bytes: Uint8Array) => Prepared & { readonly module?: WebAssembly.Module };

/**
 * Takes a component apart. All that could fail for the component's own fault fails here, but for what only linking in V8 finds out: it throws `MODULE_INVALID`,
 * so for imports that `offer` does not have or that are declared with another type.
 */
export function planComponent(bytes: Uint8Array, offer: Offer, compileCore: CompileCore = compile): Plan {
  return new Planner(offer, compileCore).plan(decodeComponent(bytes));
}

export class Planner {
  readonly #offer: Offer;
  readonly #compile: CompileCore;
  readonly #steps: CoreStep[] = [];
  readonly #destructors = new Map<ResourceType, CoreItem>();
  readonly #compiled = new Map<Uint8Array, CoreModule>();
  #work = 0;
  #weight = 0;
  #tableEntries = 0;
  #instances = 0;
  #callsHost = false;
  readonly #missing = new Set<string>();

  constructor(offer: Offer, compileCore: CompileCore) {
    this.#offer = offer;
    this.#compile = compileCore;
  }

  plan(component: Closure['component']): Plan {
    return this.finish(this.#instantiate({ component, scope: new Scope(undefined, -1) }, undefined));
  }

  finish(exports: Exports): Plan {
    this.refuseMissing();
    return {
      steps: this.#steps,
      instances: this.#instances,
      destructors: this.#destructors,
      ...this.#exportsOf(exports),
      callsHost: this.#callsHost,
      weight: this.#weight,
    };
  }

  newInstance(): number {
    return this.#instances++;
  }

  /** `given`: what is imported; undefined: the host's. */
  #instantiate({ component, scope: parent }: Closure, given: Exports | undefined): Exports {
    const scope = new Scope(parent, this.newInstance());
    const exports = new Map<string, Item>();
    for (const definition of component.definitions) this.#define(definition, scope, given, exports);
    return exports;
  }

  #define(definition: Definition, scope: Scope, given: Exports | undefined, exports: Map<string, Item>): void {
    this.#count(partsOf(definition));
    switch (definition.kind) {
      case 'core module':
        return scope.add('core module', this.compile(definition.bytes));
      case 'core instantiate':
        return scope.add('core instance', this.#coreInstantiate(definition, scope));
      case 'core bundle':
        return scope.add('core instance', new Map(definition.items.map((item) => [item.name, coreItem(item, scope)])));
      case 'core type':
        return undefined;
      case 'component':
        return scope.add('component', { component: definition.component, scope });
      case 'instantiate': {
        const args = new Map(definition.args.map((arg) => [arg.name, scope.item(arg.sort, arg.index)]));
        return scope.add('instance', this.#instantiate(scope.get('component', definition.component), args));
      }
      case 'bundle':
        return scope.add('instance', new Map(definition.items.map((item) => [item.name, scope.item(item.sort, item.index)])));
      case 'alias':
        return this.#alias(definition, scope);
      case 'type':
        return scope.add('type', this.#type(definition.type, scope));
      case 'canon':
        return this.#canon(definition, scope);
      case 'import':
        return scope.addItem(given === undefined ? this.#hostItem(definition, scope) : givenItem(definition, given));
      case 'export': {
        const item = scope.item(definition.sort, definition.index);
        if (exports.has(definition.name)) throw invalid(`the component exports ${named(definition.name)} twice`);
        exports.set(definition.name, item);
        return scope.addItem(item);
      }
    }
  }

  #count(parts = 1): void {
    this.#work += parts;
    if (this.#work > MOST_WORK) throw invalid(`the component has more than ${MOST_WORK} definitions`);
  }

  compile(bytes: Uint8Array): CoreModule {
    const known = this.#compiled.get(bytes);
    if (known !== undefined) return known;
    const { module, info, memoryImport, bytes: prepared } = this.#compile(bytes);
    const made: CoreModule = { module, info, memoryImport };
    this.#compiled.set(bytes, made);
    this.#weight += prepared.length;
    return made;
  }

  #coreInstantiate({ module, args }: Definition & { kind: 'core instantiate' }, scope: Scope): ReadonlyMap<string, CoreItem> {
    const links = new Map(args.map(({ name, index }) => [name, scope.get('core instance', index)]));
    return this.addStep({ module: scope.get('core module', module), links, initializes: false });
  }

  /** It is linked to calls of preview 1. */
  linkPreview1(): ReadonlyMap<string, CoreItem> {
    this.#callsHost = true;
    return new Map(preview1Names().map((name) => [name, { kind: 'preview1', name }]));
  }

  /** Checks what a core module is linked to. Gives its exports. */
  addStep(step: CoreStep): ReadonlyMap<string, CoreItem> {
    if (this.#steps.length >= MOST_CORE_INSTANCES) throw invalid(`the component makes more than ${MOST_CORE_INSTANCES} core instances`);
    for (const wanted of step.module.info.imports) {
      const found = step.links.get(wanted.module)?.get(wanted.name);
      if (found === undefined) throw invalid(`a core module imports ${named(wanted.module)} ${named(wanted.name)}, which it is not given`);
      const type = typeOf(found);
      if (wanted.kind !== 'function' || type === undefined || sameType(type, wanted.type)) continue;
      throw invalid(
        `a core module imports ${named(wanted.module)} ${named(wanted.name)} as ${showType(wanted.type)}, it is ${showType(type)}`,
      );
    }
    const { info } = step.module;
    this.#count(info.imports.length + info.exports.length);
    const caps = tableCaps(info.tables);
    this.#tableEntries += info.tables.reduce((sum, table, i) => sum + (table.imported === undefined ? (caps[i] as number) : 0), 0);
    if (this.#tableEntries > MOST_TABLE_ENTRIES)
      throw invalid(`the tables of the component may grow to ${this.#tableEntries} entries, ${MOST_TABLE_ENTRIES} are allowed`);
    const instance = this.#steps.push(step) - 1;
    return new Map(info.exports.map((item) => [item.name, { kind: 'export', instance, item }]));
  }

  #alias({ sort, target }: Alias, scope: Scope): void {
    switch (target.kind) {
      case 'outer': {
        const outer = scope.outer(target.count);
        if (sort === 'core module') return scope.add(sort, outer.get(sort, target.index));
        if (sort === 'core type') return undefined;
        return scope.addItem(outer.item(sort, target.index));
      }
      case 'export': {
        const found = scope.get('instance', target.instance).get(target.name);
        if (found?.sort !== sort) throw invalid(`an instance has no ${sort} ${named(target.name)}`);
        return scope.addItem(found);
      }
      case 'core export': {
        const kind = CORE_KINDS[sort as keyof typeof CORE_KINDS];
        const found = scope.get('core instance', target.instance).get(target.name);
        if (found === undefined || kind !== kindOf(found)) throw invalid(`a core instance has no ${kind} ${named(target.name)}`);
        return scope.add(sort as keyof typeof CORE_KINDS, found);
      }
    }
  }

  #type(definition: TypeDefinition, scope: Scope): TypeItem {
    const resolved = resolveType(definition, scope);
    if (resolved !== undefined) return resolved;
    const resource: ResourceType = { name: 'resource', definer: scope.instance };
    const { destructor } = definition as TypeDefinition & { kind: 'resource' };
    if (destructor !== undefined) {
      const core = scope.get('core func', destructor);
      this.#expect(core, { params: ['i32'], results: [] }, 'a destructor');
      this.#destructors.set(resource, core);
    }
    return { kind: 'resource', resource };
  }

  #canon(canon: Canon, scope: Scope): void {
    switch (canon.op) {
      case 'lift': {
        const type = scope.get('type', canon.type);
        if (type.kind !== 'func') throw invalid(`type ${canon.type} is not one of functions`);
        return scope.add(
          'func',
          this.lift(
            scope.get('core func', canon.core),
            type.signature,
            this.#side(canon.options, scope),
            canon.options.postReturn === undefined ? undefined : scope.get('core func', canon.options.postReturn),
          ),
        );
      }
      case 'lower':
        return scope.add('core func', lower(scope.get('func', canon.func), this.#side(canon.options, scope)));
      default: {
        const resource = resourceAt(canon.resource, scope);
        const op = canon.op.slice('resource.'.length) as 'new' | 'drop' | 'rep';
        if (op !== 'drop' && resource.definer !== scope.instance) throw invalid(`${canon.op} is for who defines the resource`);
        return scope.add('core func', resourceItem(op, resource, scope.instance));
      }
    }
  }

  lift(core: CoreItem, signature: Func['signature'], side: Side, postReturn: CoreItem | undefined): Func {
    const type = liftedType(signature);
    this.#expect(core, type, 'a lifted function');
    if (postReturn !== undefined) this.#expect(postReturn, { params: type.results, results: [] }, 'a post-return function');
    return { kind: 'lifted', signature, core, side, postReturn };
  }

  #side({ text, memory, realloc }: CanonOptions, scope: Scope): Side {
    const core = realloc === undefined ? undefined : scope.get('core func', realloc);
    return this.side({
      instance: scope.instance,
      text,
      memory: memory === undefined ? undefined : scope.get('core memory', memory),
      realloc: core,
    });
  }

  side(side: Side): Side {
    if (side.realloc !== undefined) this.#expect(side.realloc, { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] }, 'a realloc');
    return side;
  }

  /** Whether it takes nothing and gives nothing. */
  isProcedure(core: CoreItem | undefined): boolean {
    const type = core && typeOf(core);
    return type !== undefined && sameType(type, { params: [], results: [] });
  }

  #expect(core: CoreItem, wanted: FunctionType, what: string): void {
    const type = typeOf(core);
    if (type === undefined) throw invalid(`${what} is no core function`);
    if (!sameType(type, wanted)) throw invalid(`${what} is ${showType(type)}, not ${showType(wanted)}`);
  }

  #hostItem({ name, description }: Definition & { kind: 'import' }, scope: Scope): Item {
    if (description.sort === 'type' && 'equals' in description) return { sort: 'type', type: scope.get('type', description.equals) };
    if (description.sort === 'func') return { sort: 'func', func: this.missingFunc(name, description.type, scope) };
    if (description.sort !== 'instance') throw missing([name]);
    const type = scope.get('type', description.type);
    if (type.kind !== 'instance') throw invalid(`import ${named(name)} is declared with what is no type of instances`);
    return { sort: 'instance', exports: this.hostInstance(name, type.declarations, type.scope) };
  }

  /**
   * An interface of the host as a component declares it; it gets the functions it knows, if they are what it takes them for. What is not there stands for nothing, and
   * is told when all is known. An interface that declares types alone needs nobody to offer it.
   */
  hostInstance(name: string, declarations: readonly Declaration[], parent: Scope): Exports {
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
    this.#count();
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
      return { sort: 'func', func: this.#hostFunc(from, name, description.type, scope) };
    }
    const func = this.#hostFunc(found.name, name, description.type, scope);
    const text = signatureText(func.signature);
    if (offered.type !== undefined && text !== offered.type)
      throw invalid(`the component takes ${found.name} ${name} to be ${text}, it is ${offered.type}`);
    return { sort: 'func', func };
  }

  #hostFunc(from: string, name: string, index: number, scope: Scope): Func {
    this.#callsHost = true;
    const type = scope.get('type', index);
    if (type.kind !== 'func') throw invalid(`${named(name)} is declared with what is no type of functions`);
    return { kind: 'host', signature: type.signature, interface: from, name };
  }

  /** The host has no functions outside of interfaces. */
  missingFunc(name: string, index: number, scope: Scope): Func {
    this.miss(name, undefined);
    return this.#hostFunc('', name, index, scope);
  }

  /** All of an interface, or one thing in it. */
  miss(from: string, name: string | undefined): void {
    this.#missing.add(name === undefined ? from : `${from} ${name}`);
  }

  keepMissing(matters: (entry: string) => boolean): void {
    for (const entry of [...this.#missing]) if (!matters(entry)) this.#missing.delete(entry);
  }

  /** Throws `MODULE_INVALID`, naming all that is missing. */
  refuseMissing(): void {
    if (this.#missing.size > 0) throw missing([...this.#missing]);
  }

  /** Functions of the outermost component, and of the interfaces it exports. */
  #exportsOf(exports: Exports): Pick<Plan, 'exports' | 'world'> {
    const functions = new Map<string, Func>();
    const items: WitItem[] = [];
    for (const [name, item] of exports) {
      if (item.sort === 'func') {
        functions.set(name, item.func);
        items.push({ name, func: witFunction(name, item.func.signature) });
      }
      if (item.sort !== 'instance') continue;
      this.#count(item.exports.size);
      const inner = [...item.exports].flatMap(([label, each]) => (each.sort === 'func' ? [{ label, func: each.func }] : []));
      for (const { label, func } of inner) functions.set(`${name}#${label}`, func);
      items.push({ name, interface: inner.map(({ label, func }) => witFunction(label, func.signature)) });
    }
    return { exports: functions, world: { imports: [], exports: items } };
  }

  /** What stands in the type of an instance or component beside imports and exports. */
  declare(declaration: Declaration, scope: Scope): void {
    this.#count(partsOf(declaration));
    if (declaration.kind === 'alias') this.#alias(declaration, scope);
    if (declaration.kind !== 'type') return;
    const type = resolveType(declaration.type, scope);
    if (type === undefined) throw invalid('the type of an instance defines a resource');
    scope.add('type', type);
  }
}

export interface Extern {
  readonly name: string;
  readonly description: Description;
}

export function lower(func: Func, side: Side): CoreItem {
  return { kind: 'lowered', func, side, type: loweredType(func.signature) };
}

export function resourceItem(op: 'new' | 'drop' | 'rep', resource: ResourceType, instance: number): CoreItem {
  return { kind: 'resource', op, resource, instance, type: { params: ['i32'], results: op === 'drop' ? [] : ['i32'] } };
}

function givenItem({ name, description }: Definition & { kind: 'import' }, given: Exports): Item {
  const item = given.get(name);
  if (item === undefined || item.sort !== description.sort) throw invalid(`a component within it is not given ${named(name)}`);
  return item;
}

function coreItem({ sort, index }: Named, scope: Scope): CoreItem {
  if (!(sort in CORE_KINDS)) throw invalid(`a ${sort} stands where something of a core instance is expected`);
  return scope.get(sort as keyof typeof CORE_KINDS, index);
}

function typeOf(item: CoreItem): FunctionType | undefined {
  if (item.kind === 'lowered' || item.kind === 'resource') return item.type;
  return item.kind === 'export' && item.item.kind === 'function' ? item.item.type : undefined;
}

function kindOf(item: CoreItem): string {
  return item.kind === 'export' ? item.item.kind : 'function';
}

/** What of a definition takes time of its own. */
function partsOf(definition: Definition | Declaration): number {
  if (definition.kind === 'type') return sizeOf(definition.type);
  if (definition.kind === 'bundle' || definition.kind === 'core bundle') return 1 + definition.items.length;
  return definition.kind === 'instantiate' || definition.kind === 'core instantiate' ? 1 + definition.args.length : 1;
}

function sizeOf(type: TypeDefinition): number {
  switch (type.kind) {
    case 'record':
      return 1 + type.fields.length;
    case 'variant':
      return 1 + type.cases.length;
    case 'flags':
    case 'enum':
      return 1 + type.names.length;
    case 'tuple':
      return 1 + type.types.length;
    case 'func':
      return 1 + type.params.length;
    default:
      return 1;
  }
}

/** Its own properties only: names come from the component. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

const MOST_LISTED = 10;

function missing(names: readonly string[]): Error {
  const listed = names.slice(0, MOST_LISTED).map((name) => named(name));
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : '';
  return invalid(`the component imports what is not there: ${listed.join(', ')}${more}`, {
    imports: names.slice(0, MOST_LISTED).map((name) => name.slice(0, 200)),
  });
}
