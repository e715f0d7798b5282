import { formatSize } from '../base/units.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Lent, MemoryPool } from './memory-pool.ts';
import type { CompiledModule } from './module-cache.ts';
import { clip, Refusal } from './refusal.ts';

/** One instance of a module, made for one task and dropped with it. */

const PAGE = 65_536;

export interface Guest extends Disposable {
  readonly compiled: CompiledModule;
  readonly imports: WebAssembly.Imports;
  /** Undefined if the module has none. */
  readonly memory: WebAssembly.Memory | undefined;
  /** Bytes of memory it may have. */
  readonly cap: number;
}

export interface Outfit {
  /** Bytes of memory it may have. */
  readonly cap: number;
  /** The host calls offered, as module → name → function. */
  readonly functions: WebAssembly.Imports;
  readonly memories: MemoryPool;
  /** Modules whose functions are given to `instantiate`; that they are there was checked. */
  readonly linked?: ReadonlySet<string>;
}

/**
 * Takes a memory of at most `cap` bytes and puts it among the functions; it goes back when the guest is disposed of. Throws `Refusal`:
 * `invalid` for imports that nobody offers, `limit/memory` if the module declares a larger minimum than the cap, `limit/host-memory` if
 * the machine has no room.
 */
export function outfit(compiled: CompiledModule, { cap, functions, memories, linked }: Outfit): Guest {
  const { memoryImport } = compiled;
  refuseMissing(compiled, functions, linked);
  const lent = takeMemory(compiled, cap, memories);
  const giveBack = (): void => lent?.[Symbol.dispose]();
  const memory = lent?.memory;
  if (memory === undefined || memoryImport === undefined) return { compiled, imports: functions, memory, cap, [Symbol.dispose]: giveBack };
  const { module, name } = memoryImport;
  const imports = { ...functions, [module]: { ...functions[module], [name]: memory } };
  return { compiled, imports, memory, cap, [Symbol.dispose]: giveBack };
}

/** Runs the start function, if there is one: that is guest time. `linked`: what it imports from other instances. */
export function instantiate({ compiled, imports }: Guest, linked?: WebAssembly.Imports): WebAssembly.Instance {
  if (linked === undefined) return new WebAssembly.Instance(compiled.module, imports);
  const all = { ...imports };
  for (const [name, module] of Object.entries(linked)) all[name] = { ...module, ...all[name] };
  return new WebAssembly.Instance(compiled.module, all);
}

/** Bytes of memory held; memories never shrink, so at the end it is the peak. */
export function memoryOf({ memory }: Pick<Guest, 'memory'>): number {
  return memory?.buffer.byteLength ?? 0;
}

/**
 * A trap with how near the guests of a task were to their memory limit, if that was near. `memory.grow` tells a guest no and the host nothing, so this is all
 * that can be said: most programs that get no more memory trap by themselves.
 */
export function withMemory(failure: Failure, ...guests: readonly Pick<Guest, 'memory' | 'cap'>[]): Failure {
  const cap = guests.reduce((sum, guest) => sum + guest.cap, 0);
  const held = guests.reduce((sum, guest) => sum + memoryOf(guest), 0);
  if (failure.code !== 'trap' || held * 2 < cap) return failure;
  const message = `${failure.message}; it held ${formatSize(held)} of memory, and was allowed ${formatSize(cap)}`;
  return { ...failure, message, data: { ...failure.data, memory: held, memoryLimit: cap } };
}

/** Throws `Refusal` as `outfit` does. */
export function takeMemory({ info }: Pick<CompiledModule, 'info'>, cap: number, memories: MemoryPool): Lent | undefined {
  if (info.memory === undefined) return undefined;
  const { initial, maximum } = info.memory;
  const most = Math.floor(cap / PAGE);
  if (initial > most) {
    throw new Refusal('limit/memory', `the module wants ${initial * PAGE} bytes of memory to begin with, its limit is ${cap}`, {
      wanted: initial * PAGE,
      limit: cap,
    });
  }
  try {
    return memories.take({ initial, maximum: Math.min(most, maximum ?? most) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal('limit/host-memory', `this machine has no room for a memory of ${initial * PAGE} bytes: ${error.message}`);
  }
}

function refuseMissing(
  { info, memoryImport }: CompiledModule,
  functions: WebAssembly.Imports,
  linked: ReadonlySet<string> | undefined,
): void {
  const missing = info.imports.filter(({ kind, module, name }) => {
    if (kind === 'memory') return memoryImport?.module !== module || memoryImport.name !== name;
    return kind !== 'function' || !(linked?.has(module) === true || offers(functions, module, name));
  });
  if (missing.length === 0) return;
  const names = missing.slice(0, MOST_LISTED).map(({ kind, module, name }) => `${kind} ${clip(`${module}.${name}`)}`);
  const more = missing.length > MOST_LISTED ? ` and ${missing.length - MOST_LISTED} more` : '';
  throw new Refusal('invalid', `the module imports what is not there: ${names.join(', ')}${more}`, { part: 'module', imports: names });
}

/** Its own properties only: linking looks at prototypes too, and a guest that imports `constructor` `assign` would be given it. */
function offers(functions: WebAssembly.Imports, module: string, name: string): boolean {
  const offered = Object.hasOwn(functions, module) ? functions[module] : undefined;
  return offered !== undefined && Object.hasOwn(offered, name) && typeof offered[name] === 'function';
}

const MOST_LISTED = 10;
