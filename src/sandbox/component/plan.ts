import type { ResourceType } from './handles.ts';
import { addAlias } from './alias.ts';
import { type CompileCore } from './core-steps.ts';
import { decodeComponent } from './decode.ts';
import type { Offer } from './host-interface.ts';
import { missing } from './host-imports.ts';
import type { CanonOptions, Canon, Definition, Named, TypeDefinition } from './model.ts';
import type { CoreItem, Plan, Side } from './plan-model.ts';
import { lower, PlanBuilder, resourceItem } from './plan-builder.ts';
import { resolveType, resourceAt } from './resolve-types.ts';
import { type Closure, CORE_KINDS, type Exports, invalid, type Item, named, Scope, type TypeItem } from './scope.ts';
import { partsOf } from './work.ts';

/**
 * Takes a component apart. All that could fail for the component's own fault fails here, but for what only linking in V8 finds out: it throws `MODULE_INVALID`,
 * so for imports that `offer` does not have or that are declared with another type.
 */
export function planComponent(bytes: Uint8Array, offer: Offer, compileCore?: CompileCore): Plan {
  const builder = new PlanBuilder(offer, compileCore);
  const exports = new Walk(builder).instantiate({ component: decodeComponent(bytes), scope: new Scope(undefined, -1) }, undefined);
  return builder.finish(exports, bytes.length);
}

/** Goes through definitions in order, each as often as it is instantiated. */
class Walk {
  readonly #builder: PlanBuilder;

  constructor(builder: PlanBuilder) {
    this.#builder = builder;
  }

  /** `given`: what is imported; undefined: the host's. */
  instantiate({ component, scope: parent }: Closure, given: Exports | undefined): Exports {
    const scope = new Scope(parent, this.#builder.newInstance());
    const exports = new Map<string, Item>();
    for (const definition of component.definitions) this.#define(definition, scope, given, exports);
    return exports;
  }

  #define(definition: Definition, scope: Scope, given: Exports | undefined, exports: Map<string, Item>): void {
    this.#builder.work.count(partsOf(definition));
    switch (definition.kind) {
      case 'core module':
        return scope.add('core module', this.#builder.core.compile(definition.bytes));
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
        return scope.add('instance', this.instantiate(scope.get('component', definition.component), args));
      }
      case 'bundle':
        return scope.add('instance', new Map(definition.items.map((item) => [item.name, scope.item(item.sort, item.index)])));
      case 'alias':
        return addAlias(definition, scope);
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

  #coreInstantiate({ module, args }: Definition & { kind: 'core instantiate' }, scope: Scope): ReadonlyMap<string, CoreItem> {
    const links = new Map(args.map(({ name, index }) => [name, scope.get('core instance', index)]));
    return this.#builder.core.add({ module: scope.get('core module', module), links, initializes: false });
  }

  #type(definition: TypeDefinition, scope: Scope): TypeItem {
    const resolved = resolveType(definition, scope);
    if (resolved !== undefined) return resolved;
    const resource: ResourceType = { name: 'resource', definer: scope.instance };
    const { destructor } = definition as TypeDefinition & { kind: 'resource' };
    if (destructor !== undefined) {
      const core = scope.get('core func', destructor);
      this.#builder.destroy(resource, core);
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
          this.#builder.lift(
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

  #side({ text, memory, realloc }: CanonOptions, scope: Scope): Side {
    const core = realloc === undefined ? undefined : scope.get('core func', realloc);
    return this.#builder.side({
      instance: scope.instance,
      text,
      memory: memory === undefined ? undefined : scope.get('core memory', memory),
      realloc: core,
    });
  }

  #hostItem({ name, description }: Definition & { kind: 'import' }, scope: Scope): Item {
    if (description.sort === 'type' && 'equals' in description) return { sort: 'type', type: scope.get('type', description.equals) };
    if (description.sort === 'func') return { sort: 'func', func: this.#builder.imports.missingFunc(name, description.type, scope) };
    if (description.sort !== 'instance') throw missing([name]);
    const type = scope.get('type', description.type);
    if (type.kind !== 'instance') throw invalid(`import ${named(name)} is declared with what is no type of instances`);
    return { sort: 'instance', exports: this.#builder.imports.instance(name, type.declarations, type.scope) };
  }
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
