import type { FunctionType } from '../module/model.ts';
import { compile, type Prepared } from '../module/prepare.ts';
import { tableCaps } from '../module/table-caps.ts';
import type { CoreItem, CoreModule, CoreStep } from './plan-model.ts';
import { invalid, named } from './scope.ts';
import { sameType, showType } from './signature.ts';
import type { Work } from './work.ts';

const MOST_CORE_INSTANCES = 200;
/** Of all its core instances, which lie outside of their memories. */
const MOST_TABLE_ENTRIES = 4 << 20;

/** Makes a core module ready to be instantiated, plain or metered; without `module`, to be judged only. */
export type CompileCore = (bytes: Uint8Array) => Prepared & { readonly module?: WebAssembly.Module };

/** The core instances of a component in order, each refused that does not fit what it is linked to, or is one too many. All throw `MODULE_INVALID`. */
export class CoreSteps {
  readonly #work: Work;
  readonly #compile: CompileCore;
  readonly #compiled = new Map<Uint8Array, CoreModule>();
  readonly #steps: CoreStep[] = [];
  #prepared = 0;
  #binary = 0;
  #tableEntries = 0;

  constructor(work: Work, compileCore: CompileCore = compile) {
    this.#work = work;
    this.#compile = compileCore;
  }

  get all(): readonly CoreStep[] {
    return this.#steps;
  }

  get modules(): number {
    return this.#compiled.size;
  }

  /** Bytes of all modules, as they were prepared and as they stand in the binary. */
  get bytes(): { readonly prepared: number; readonly binary: number } {
    return { prepared: this.#prepared, binary: this.#binary };
  }

  compile(bytes: Uint8Array): CoreModule {
    const known = this.#compiled.get(bytes);
    if (known !== undefined) return known;
    const { module, info, memoryImport, bytes: prepared } = this.#compile(bytes);
    const made: CoreModule = { module, info, memoryImport };
    this.#compiled.set(bytes, made);
    this.#prepared += prepared.length;
    this.#binary += bytes.length;
    return made;
  }

  /** Checks what a core module is linked to. Gives its exports. */
  add(step: CoreStep): ReadonlyMap<string, CoreItem> {
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
    this.#work.count(info.imports.length + info.exports.length);
    const caps = tableCaps(info.tables);
    this.#tableEntries += info.tables.reduce((sum, table, i) => sum + (table.imported === undefined ? (caps[i] as number) : 0), 0);
    if (this.#tableEntries > MOST_TABLE_ENTRIES)
      throw invalid(`the tables of the component may grow to ${this.#tableEntries} entries, ${MOST_TABLE_ENTRIES} are allowed`);
    const instance = this.#steps.push(step) - 1;
    return new Map(info.exports.map((item) => [item.name, { kind: 'export', instance, item }]));
  }
}

/** Whether it takes nothing and gives nothing. */
export function isProcedure(core: CoreItem | undefined): boolean {
  const type = core && typeOf(core);
  return type !== undefined && sameType(type, { params: [], results: [] });
}

export function expectType(core: CoreItem, wanted: FunctionType, what: string): void {
  const type = typeOf(core);
  if (type === undefined) throw invalid(`${what} is no core function`);
  if (!sameType(type, wanted)) throw invalid(`${what} is ${showType(type)}, not ${showType(wanted)}`);
}

function typeOf(item: CoreItem): FunctionType | undefined {
  if (item.kind === 'lowered' || item.kind === 'resource') return item.type;
  return item.kind === 'export' && item.item.kind === 'function' ? item.item.type : undefined;
}
