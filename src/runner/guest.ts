import type { CompiledModule } from './module-cache.ts';
import { clip, Refusal } from './refusal.ts';

/** One instance of a module, made for one task and dropped with it. */

const PAGE = 65_536;

export interface Guest {
  readonly compiled: CompiledModule;
  readonly imports: WebAssembly.Imports;
  /** Undefined if the module has none. */
  readonly memory: WebAssembly.Memory | undefined;
}

/**
 * Makes the memory, bounded by `cap` bytes, and puts it among `functions`, the host calls offered as module → name → function.
 * Throws `Refusal`: `invalid` for imports that nobody offers, `limit/memory` if the module declares a larger minimum than the cap,
 * `limit/host-memory` if the machine has no room.
 */
export function outfit(compiled: CompiledModule, cap: number, functions: WebAssembly.Imports): Guest {
  const { memoryImport } = compiled;
  refuseMissing(compiled, functions);
  const memory = makeMemory(compiled, cap);
  if (memory === undefined || memoryImport === undefined) return { compiled, imports: functions, memory };
  const { module, name } = memoryImport;
  return { compiled, imports: { ...functions, [module]: { ...functions[module], [name]: memory } }, memory };
}

/** Runs the start function, if there is one: that is guest time. */
export function instantiate({ compiled, imports }: Guest): WebAssembly.Instance {
  return new WebAssembly.Instance(compiled.module, imports);
}

/** Bytes of memory held; memories never shrink, so at the end it is the peak. */
export function memoryOf({ memory }: Guest): number {
  return memory?.buffer.byteLength ?? 0;
}

function makeMemory({ info }: CompiledModule, cap: number): WebAssembly.Memory | undefined {
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
    return new WebAssembly.Memory({ initial, maximum: Math.min(most, maximum ?? most) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal('limit/host-memory', `this machine has no room for a memory of ${initial * PAGE} bytes: ${error.message}`);
  }
}

function refuseMissing({ info, memoryImport }: CompiledModule, functions: WebAssembly.Imports): void {
  const missing = info.imports.filter(({ kind, module, name }) => {
    if (kind === 'memory') return memoryImport?.module !== module || memoryImport.name !== name;
    return kind !== 'function' || typeof functions[module]?.[name] !== 'function';
  });
  if (missing.length === 0) return;
  const names = missing.slice(0, MOST_LISTED).map(({ kind, module, name }) => `${kind} ${clip(`${module}.${name}`)}`);
  const more = missing.length > MOST_LISTED ? ` and ${missing.length - MOST_LISTED} more` : '';
  throw new Refusal('invalid', `the module imports what is not there: ${names.join(', ')}${more}`, { imports: names });
}

const MOST_LISTED = 50;
