import { malformed } from '../module/fault.ts';
import { Reader } from '../module/reader.ts';
import { importProblems, PREVIEW1 } from '../wasi/signatures.ts';
import { type CompileCore, isProcedure } from './core-steps.ts';
import { decodeComponent } from './decode.ts';
import type { Extern } from './host-imports.ts';
import type { ResourceType } from './handles.ts';
import type { Offer } from './host-interface.ts';
import type { Declaration } from './model.ts';
import type { CoreItem, CoreModule, Plan, Side } from './plan-model.ts';
import { lower, PlanBuilder, resourceItem } from './plan-builder.ts';
import { type Exports, invalid, type Item, named, Scope, type TypeItem } from './scope.ts';

/**
 * A core module that says in a custom section which world it is made for. Tools make a component of it by writing down how it is linked, which follows from the names
 * of its imports and exports; here it is linked in that way directly. What it imports of preview 1 it gets as it is, so no adapter is needed.
 * https://github.com/bytecodealliance/wasm-tools/tree/main/crates/wit-component
 */
export function planCoreWorld(bytes: Uint8Array, offer: Offer, compileCore?: CompileCore): Plan {
  const builder = new PlanBuilder(offer, compileCore);
  return new CoreWorld(builder, builder.core.compile(bytes)).plan(sectionsOf(bytes).map(worldOf), bytes.length);
}

const SECTION = 'component-type';
/** Where functions outside of interfaces are imported from. */
const ROOT = '$root';
const MOST_SECTIONS = 100;

/** One for each library that was linked into the module. */
function sectionsOf(bytes: Uint8Array): Uint8Array[] {
  const reader = new Reader(bytes, 8, bytes.length);
  const found: Uint8Array[] = [];
  while (!reader.done) {
    const id = reader.u8('a section');
    const section = reader.part('a section');
    if (id !== 0 || !section.name('the name of a custom section').startsWith(SECTION)) continue;
    if (found.length >= MOST_SECTIONS) throw malformed(section.at, `there are more than ${MOST_SECTIONS} sections ${SECTION}`);
    found.push(bytes.subarray(section.at, section.end));
  }
  return found;
}

/** A component with one export: the type of the wanted one, in newer tools inside of another that stands for the package. */
function worldOf(section: Uint8Array): readonly Declaration[] {
  const { definitions } = decodeComponent(section);
  const types = definitions.flatMap((each) => (each.kind === 'type' && each.type.kind === 'component' ? [each.type.declarations] : []));
  const [outer] = types;
  if (outer === undefined || types.length > 1) throw invalid(`a section ${SECTION} describes ${types.length} worlds, not one`);
  const [inner, exported] = outer;
  const isPackage = outer.length === 2 && inner?.kind === 'type' && inner.type.kind === 'component' && exported?.kind === 'export';
  return isPackage && inner.type.kind === 'component' ? inner.type.declarations : outer;
}

class CoreWorld {
  readonly #builder: PlanBuilder;
  readonly #module: CoreModule;
  readonly #instance: number;
  readonly #side: Side;
  /** Its exports; it is the first core instance. */
  readonly #core: ReadonlyMap<string, CoreItem>;
  readonly #links = new Map<string, ReadonlyMap<string, CoreItem>>();
  readonly #exports = new Map<string, Item>();
  /** Those it defines, by interface and name: each section that names one means the same. */
  readonly #resources = new Map<string, ResourceType>();

  constructor(builder: PlanBuilder, module: CoreModule) {
    this.#builder = builder;
    this.#module = module;
    this.#instance = builder.newInstance();
    this.#core = new Map(module.info.exports.map((item) => [item.name, { kind: 'export', instance: 0, item }]));
    const memory = this.#core.get('memory');
    this.#side = builder.side({
      instance: this.#instance,
      text: 'utf8',
      memory: memory?.kind === 'export' && memory.item.kind === 'memory' ? memory : undefined,
      realloc: this.#core.get('cabi_realloc'),
    });
  }

  plan(worlds: readonly (readonly Declaration[])[], size: number): Plan {
    for (const world of worlds) this.#read(world);
    if (this.#module.info.imports.some((each) => each.module === PREVIEW1)) this.#links.set(PREVIEW1, this.#builder.linkPreview1());
    for (const { module, name } of this.#module.info.imports)
      if (this.#links.get(module)?.get(name) === undefined) this.#builder.imports.miss(module, this.#links.has(module) ? name : undefined);
    // A world may name more than the module uses.
    const used = new Map<string, Set<string>>();
    for (const { module, name } of this.#module.info.imports) used.set(module, (used.get(module) ?? new Set()).add(name));
    this.#builder.imports.keepMissing((from, name) =>
      name === undefined ? used.has(from) || used.get(ROOT)?.has(from) === true : used.get(from)?.has(name) === true,
    );
    this.#builder.imports.refuseMissing();
    const problems = importProblems(this.#module.info.imports);
    if (problems.length > 0) throw invalid(`the module does not fit preview 1: ${problems.slice(0, 10).join('; ')}`);
    this.#builder.core.add({
      module: this.#module,
      links: this.#links,
      initializes: isProcedure(this.#core.get('_initialize')),
    });
    return this.#builder.finish(this.#exports, size);
  }

  #read(world: readonly Declaration[]): void {
    const scope = new Scope(undefined, this.#instance);
    for (const declaration of world) {
      if (declaration.kind === 'import') scope.addItem(this.#import(declaration, scope));
      else if (declaration.kind === 'export') {
        const item = this.#export(declaration, scope);
        scope.addItem(item);
        const known = this.#exports.get(declaration.name);
        const both =
          known?.sort === 'instance' && item.sort === 'instance'
            ? { ...item, exports: new Map([...item.exports, ...known.exports]) }
            : item;
        this.#exports.set(declaration.name, both);
      } else this.#builder.imports.declare(declaration, scope);
    }
  }

  #import({ name, description }: Extern, scope: Scope): Item {
    if (description.sort === 'type' && 'equals' in description) return { sort: 'type', type: scope.get('type', description.equals) };
    if (description.sort === 'func') {
      const func = this.#builder.imports.missingFunc(name, description.type, scope);
      return { sort: 'func', func };
    }
    if (description.sort !== 'instance') throw invalid(`${named(name)} is imported, which is no function and no interface`);
    const type = scope.get('type', description.type);
    if (type.kind !== 'instance') throw invalid(`import ${named(name)} is declared with what is no type of instances`);
    const exports = this.#builder.imports.instance(name, type.declarations, type.scope);
    const links = new Map(this.#links.get(name));
    for (const [inner, item] of exports) {
      if (item.sort === 'func') links.set(inner, lower(item.func, this.#side));
      if (item.sort === 'type' && item.type.kind === 'resource')
        links.set(`[resource-drop]${inner}`, resourceItem('drop', item.type.resource, this.#instance));
    }
    this.#links.set(name, links);
    return { sort: 'instance', exports };
  }

  #export({ name, description }: Extern, scope: Scope): Item {
    if (description.sort === 'func') return this.#lift(name, scope.get('type', description.type));
    if (description.sort === 'type') {
      if ('equals' in description) return { sort: 'type', type: scope.get('type', description.equals) };
      throw invalid(`the module exports the resource ${named(name)} outside of an interface`);
    }
    if (description.sort !== 'instance') throw invalid(`the export ${named(name)} is no function and no interface`);
    const type = scope.get('type', description.type);
    if (type.kind !== 'instance') throw invalid(`export ${named(name)} is declared with what is no type of instances`);
    return { sort: 'instance', exports: this.#exportInterface(name, type.declarations, type.scope) };
  }

  #exportInterface(name: string, declarations: readonly Declaration[], parent: Scope): Exports {
    const scope = new Scope(parent, this.#instance);
    const exports = new Map<string, Item>();
    for (const declaration of declarations) {
      if (declaration.kind !== 'export') {
        if (declaration.kind !== 'import') this.#builder.imports.declare(declaration, scope);
        continue;
      }
      const { name: inner, description } = declaration;
      const item: Item =
        description.sort === 'func'
          ? this.#lift(`${name}#${inner}`, scope.get('type', description.type))
          : { sort: 'type', type: this.#exportedType(name, declaration, scope) };
      scope.addItem(item);
      exports.set(inner, item);
    }
    return exports;
  }

  /** Who exports a resource makes its handles itself, by functions that it imports from `[export]` and where it exports them. */
  #exportedType(from: string, { name, description }: Extern, scope: Scope): TypeItem {
    if ('equals' in description) return scope.get('type', description.equals);
    if (description.sort !== 'type') throw invalid(`the export ${named(name)} is no function and no type`);
    const known = this.#resources.get(`${from}#${name}`);
    if (known !== undefined) return { kind: 'resource', resource: known };
    const resource: ResourceType = { name, definer: this.#instance };
    this.#resources.set(`${from}#${name}`, resource);
    const links = new Map(this.#links.get(`[export]${from}`));
    for (const op of ['new', 'rep', 'drop'] as const) links.set(`[resource-${op}]${name}`, resourceItem(op, resource, this.#instance));
    this.#links.set(`[export]${from}`, links);
    const destructor = this.#core.get(`${from}#[dtor]${name}`);
    if (destructor !== undefined) this.#builder.destroy(resource, destructor);
    return { kind: 'resource', resource };
  }

  #lift(name: string, type: TypeItem): Item {
    if (type.kind !== 'func') throw invalid(`export ${named(name)} is declared with what is no type of functions`);
    const core = this.#core.get(name);
    if (core === undefined) throw invalid(`the module does not export ${named(name)}, which its world says it does`);
    return { sort: 'func', func: this.#builder.lift(core, type.signature, this.#side, this.#core.get(`cabi_post_${name}`)) };
  }
}
