import type { Ipld } from '../ipld/value.ts';
import { findOffer } from './component/host-interface.ts';
import { inspect } from './module/inspect.ts';
import type { ExternType, FunctionType, ModuleImport, ModuleInfo } from './module/model.ts';
import { isNumeric } from './module/signature.ts';
import { importProblems, PREVIEW1 } from './wasi/signatures.ts';
import { isCommand } from './wasi2/command.ts';
import { INTERFACES } from './wasi2/interfaces.ts';
import { exportedFunctions, whyNotCallable } from './wit/look-up.ts';
import type { WitItem, WitWorld } from './wit/model.ts';
import { sampleOf } from './wit/sample.ts';
import { functionText } from './wit/text.ts';
import { readWit } from './wit/world.ts';

/** What a module is, for people and programs that want to call it. */

const PAGE = 65_536;

export interface ModuleDescription {
  /** A core module is `typed-core` if it says in a component-type section what it becomes as a component. */
  readonly kind: 'core' | 'typed-core' | 'component';
  /** Of each core module that defines or imports one. */
  readonly memories: readonly MemoryDescription[];
  readonly exports: readonly ExportDescription[];
  readonly imports: readonly ImportDescription[];
  /** How it is called, by the op that does. Absent if nothing in it can be. */
  readonly call?: { readonly op: 'wasi/run' } | { readonly op: 'wasm/run'; readonly func: string; readonly args: readonly Ipld[] };
}

/** In bytes. `maximum` is null where the module sets itself none. */
export interface MemoryDescription {
  readonly initial: number;
  readonly maximum: number | null;
}

export interface ExportDescription {
  /** As a task writes it: `func`, or `interface#func`. */
  readonly name: string;
  readonly kind: ExternType['kind'];
  /** In WIT, or as core WebAssembly has it: `(i32, i64) -> (f32)`. */
  readonly type: string;
  /** Why a task cannot call it; absent if it can. */
  readonly notCallable?: string;
}

export interface ImportDescription {
  readonly name: string;
  readonly kind: ExternType['kind'] | 'interface';
  /** One line for each function of an interface; one for a core import. */
  readonly types: readonly string[];
  /** Whether Docket gives it what it imports. */
  readonly isOffered: boolean;
  /** By which op, or what can be done about it. */
  readonly note?: string;
}

/** Decodes all of it. Throws `MODULE_INVALID` for what is not let in. */
export function describeModule(bytes: Uint8Array): ModuleDescription {
  const found = readWit(bytes);
  if (found.kind === 'component') {
    const memories = found.modules.flatMap((module) => memoryOf(inspect(module)));
    const isRun = found.world.exports.some((item) => 'interface' in item && isCommand(item.name));
    return { kind: 'component', memories, ...ofWorld(found.world), ...(isRun ? { call: { op: 'wasi/run' } } : {}) };
  }
  const info = inspect(bytes);
  if (found.kind === 'core') return { kind: 'core', memories: memoryOf(info), ...ofCore(info) };
  const world = ofWorld(found.world);
  const call = world.call ?? ofCore(info).call;
  return {
    kind: 'typed-core',
    memories: memoryOf(info),
    exports: world.exports,
    imports: [...world.imports, ...beside(found.world, info).map((each) => coreImport(each))],
    ...(call === undefined ? {} : { call }),
  };
}

function memoryOf({ memory }: ModuleInfo): MemoryDescription[] {
  if (memory === undefined) return [];
  const { initial, maximum } = memory;
  return [{ initial: initial * PAGE, maximum: maximum === undefined ? null : maximum * PAGE }];
}

type Sides = Pick<ModuleDescription, 'exports' | 'imports' | 'call'>;

function ofWorld(world: WitWorld): Sides {
  const functions = [...exportedFunctions(world)].map(({ name, func }) => ({ name, func, why: whyNotCallable(func) }));
  const first = functions.find(({ why }) => why === undefined);
  return {
    exports: functions.map(({ name, func, why }) => ({
      name,
      kind: 'function',
      type: functionText(func),
      ...(why === undefined ? {} : { notCallable: why }),
    })),
    imports: world.imports.map(witImport),
    ...(first === undefined
      ? {}
      : { call: { op: 'wasm/run', func: first.name, args: first.func.params.map(({ type }) => sampleOf(type)) } }),
  };
}

function witImport(item: WitItem): ImportDescription {
  const types = 'func' in item ? [functionText(item.func)] : item.interface.map((func) => functionText(func));
  const found = findOffer(INTERFACES, item.name);
  return {
    name: item.name,
    kind: 'func' in item ? 'function' : 'interface',
    types,
    isOffered: found !== undefined,
    ...(found?.note === undefined ? {} : { note: found.note }),
  };
}

/** Names that stand for the world itself, in the ways tools have written it: imports of the root, and what exported resources need. */
const OF_WORLD = /^(\$root$|\[export\]|cm32p2)/;

/** Imports of a core module that its world does not speak of, as those of preview 1. */
function beside(world: WitWorld, { imports }: ModuleInfo): ModuleImport[] {
  const named = new Set(world.imports.map(({ name }) => name));
  return imports.filter(({ module, kind }) => kind === 'function' && !named.has(module) && !OF_WORLD.test(module));
}

function ofCore({ exports, imports }: ModuleInfo): Sides {
  const described = exports.map((each): ExportDescription => {
    const why = each.kind === 'function' ? whyNotNumeric(each.type) : `it is a ${each.kind}`;
    return { name: each.name, kind: each.kind, type: typeText(each), ...(why === undefined ? {} : { notCallable: why }) };
  });
  const start = exports.some(({ name, kind }) => name === '_start' && kind === 'function');
  const first = exports.find((each) => each.kind === 'function' && whyNotNumeric(each.type) === undefined);
  const params = first?.kind === 'function' ? first.type.params : [];
  const args = params.map((type): Ipld => (type === 'f32' || type === 'f64' ? 1.5 : 1));
  return {
    exports: described,
    imports: imports.map(coreImport),
    ...(start ? { call: { op: 'wasi/run' } } : first === undefined ? {} : { call: { op: 'wasm/run', func: first.name, args } }),
  };
}

function whyNotNumeric({ params, results }: FunctionType): string | undefined {
  if (isNumeric([...params, ...results])) return undefined;
  return 'it takes or returns something other than i32, i64, f32 and f64';
}

function coreImport(each: ModuleImport): ImportDescription {
  const described = { name: `${each.module}.${each.name}`, kind: each.kind, types: [typeText(each)] };
  if (each.kind === 'memory') return { ...described, isOffered: true, note: 'the memory of the task' };
  if (each.kind !== 'function') return { ...described, isOffered: false };
  if (each.module !== PREVIEW1) return { ...described, isOffered: false, note: `only an extension named ${each.module} could give it` };
  const [problem] = importProblems([each]);
  return { ...described, isOffered: problem === undefined, note: problem ?? 'preview 1, with wasi/run' };
}

function typeText(each: ExternType): string {
  if (each.kind === 'function') return `(${each.type.params.join(', ')}) -> (${each.type.results.join(', ')})`;
  if (each.kind === 'global') return `global ${each.type.mutable ? `mut ${each.type.value}` : each.type.value}`;
  return each.kind === 'table' ? `table ${each.type.element}` : each.kind;
}
