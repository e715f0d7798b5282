import type { WitFunction, WitItem } from '../wit/model.ts';
import { MOST_FUNCTIONS } from '../wit/world.ts';
import { preview1Names } from '../wasi/signatures.ts';
import { type CompileCore, CoreSteps, expectType } from './core-steps.ts';
import type { ResourceType } from './handles.ts';
import { HostImports } from './host-imports.ts';
import type { Offer } from './host-interface.ts';
import type { CoreItem, Func, Plan, Side } from './plan-model.ts';
import { type Exports, invalid, named } from './scope.ts';
import { liftedType, loweredType } from './signature.ts';
import { Work } from './work.ts';

/** What a plan is put together of, whether it is that of a component or of a core module made to be one. All throw `MODULE_INVALID`. */
export class PlanBuilder {
  readonly work = new Work();
  readonly core: CoreSteps;
  readonly imports: HostImports;
  readonly #destructors = new Map<ResourceType, CoreItem>();
  #instances = 0;

  constructor(offer: Offer, compileCore: CompileCore | undefined) {
    this.core = new CoreSteps(this.work, compileCore);
    this.imports = new HostImports(offer, this.work);
  }

  newInstance(): number {
    return this.#instances++;
  }

  /** It is linked to calls of preview 1. */
  linkPreview1(): ReadonlyMap<string, CoreItem> {
    this.imports.call();
    return new Map(preview1Names().map((name) => [name, { kind: 'preview1', name }]));
  }

  /** `core` is called with what stands for a resource that is dropped. */
  destroy(resource: ResourceType, core: CoreItem): void {
    expectType(core, { params: ['i32'], results: [] }, 'a destructor');
    this.#destructors.set(resource, core);
  }

  lift(core: CoreItem, signature: Func['signature'], side: Side, postReturn: CoreItem | undefined): Func {
    const type = liftedType(signature);
    expectType(core, type, 'a lifted function');
    if (postReturn !== undefined) expectType(postReturn, { params: type.results, results: [] }, 'a post-return function');
    return { kind: 'lifted', signature, core, side, postReturn };
  }

  side(side: Side): Side {
    if (side.realloc !== undefined) expectType(side.realloc, { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] }, 'a realloc');
    return side;
  }

  /** `size`: bytes of the binary it was made of. */
  finish(exports: Exports, size: number): Plan {
    this.imports.refuseMissing();
    const { prepared, binary } = this.core.bytes;
    return {
      steps: this.core.all,
      instances: this.#instances,
      destructors: this.#destructors,
      ...this.#exportsOf(exports),
      callsHost: this.imports.isCalled,
      modules: this.core.modules,
      code: prepared,
      defining: this.work.weight + size - binary,
    };
  }

  /**
   * Functions of the outermost component, and of the interfaces it exports. A few bytes export an interface again: what stands for it is made once and shared, so that
   * all of it is as large as what was counted.
   */
  #exportsOf(exports: Exports): Pick<Plan, 'exports' | 'interfaces' | 'world'> {
    const functions = new Map<string, Func>();
    const interfaces = new Map<string, ReadonlyMap<string, Func>>();
    const items: WitItem[] = [];
    const made = new Map<Exports, Interface>();
    let count = 0;
    for (const [name, item] of exports) {
      if (item.sort === 'func') {
        functions.set(name, item.func);
        items.push({ name, func: { name, ...item.func.signature.wit } });
        count++;
      } else if (item.sort === 'instance') {
        const found = made.get(item.exports) ?? interfaceOf(item.exports);
        made.set(item.exports, found);
        interfaces.set(name, found.functions);
        items.push({ name, interface: found.described });
        count += found.described.length;
      }
      if (count > MOST_FUNCTIONS) throw invalid(`the component exports more than ${MOST_FUNCTIONS} functions, at ${named(name)}`);
    }
    return { exports: functions, interfaces, world: { imports: [], exports: items } };
  }
}

interface Interface {
  readonly functions: ReadonlyMap<string, Func>;
  readonly described: readonly WitFunction[];
}

function interfaceOf(exports: Exports): Interface {
  const functions = new Map<string, Func>();
  for (const [label, item] of exports) if (item.sort === 'func') functions.set(label, item.func);
  return { functions, described: [...functions].map(([name, { signature }]) => ({ name, ...signature.wit })) };
}

export function lower(func: Func, side: Side): CoreItem {
  return { kind: 'lowered', func, side, type: loweredType(func.signature) };
}

export function resourceItem(op: 'new' | 'drop' | 'rep', resource: ResourceType, instance: number): CoreItem {
  return { kind: 'resource', op, resource, instance, type: { params: ['i32'], results: op === 'drop' ? [] : ['i32'] } };
}
