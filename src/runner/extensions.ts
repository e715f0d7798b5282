import type { CID } from '../ipld/cid.ts';
import { extensionProblems, wantedOfOthers } from '../sandbox/module/extension.ts';
import { GuestMemory } from '../sandbox/wasi/guest-memory.ts';
import { PREVIEW1 } from '../sandbox/wasi/signatures.ts';
import type { Preview1 } from '../sandbox/wasi/preview1.ts';
import { checkImportTypes } from './check-command.ts';
import type { Fuel } from './fuel.ts';
import { type Guest, instantiate, outfit } from './guest.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { CompiledModule } from './module-cache.ts';
import { clip, Refusal } from './refusal.ts';

/**
 * Extensions of a command: modules whose functions it imports. They are instances of the same task: they share its time, its fuel, its memory limit, its files, streams,
 * clock and randomness, and live as long as it. Each has a memory of its own.
 */

export interface Extension {
  /** The module the command imports from. */
  readonly name: string;
  readonly compiled: CompiledModule;
}

/** Compiles the extensions a task names. Throws `Refusal`, `invalid`, for one that does not fit the command. */
export function loadExtensions(
  main: CompiledModule,
  named: ReadonlyMap<string, CID>,
  get: (module: CID) => { readonly compiled: CompiledModule } | { readonly failure: Refusal['failure'] },
): Extension[] {
  if (named.size === 0) return [];
  const wanted = wantedOfOthers(main.info.imports);
  return [...named].map(([name, cid]) => {
    const found = get(cid);
    if ('failure' in found) throw Refusal.of(found.failure);
    const problems = extensionProblems(wanted.get(name) ?? [], found.compiled.info);
    if (problems.length > 0)
      throw new Refusal('invalid', `the extension ${clip(name)} ${problems.map(clip).join('; ')}`, { part: 'module', extension: name });
    checkImportTypes(found.compiled);
    return { name, compiled: found.compiled };
  });
}

/** What the instances of a task share, and the part of the memory limit that each has. */
interface Shared {
  readonly caps: readonly number[];
  readonly wasi: Preview1;
  readonly memories: MemoryPool;
  readonly fuel: Fuel;
}

/** Gives each extension a memory of its share. What it gives is to be disposed of. */
export function outfitExtensions(extensions: readonly Extension[], { caps, wasi, memories, fuel }: Shared): LinkedExtensions {
  using stack = new DisposableStack();
  const guests = extensions.map(({ name, compiled }, i) => {
    const addresses = new GuestMemory();
    const guest = stack.use(
      outfit(compiled, { cap: caps[i]!, functions: { [PREVIEW1]: wasi.importsOn(addresses), ...fuel.imports }, memories }),
    );
    if (guest.memory !== undefined) addresses.bind(guest.memory);
    return { name, guest };
  });
  return new LinkedExtensions(guests, stack.move());
}

export class LinkedExtensions implements Disposable {
  readonly guests: readonly Guest[];
  readonly #named: readonly { readonly name: string; readonly guest: Guest }[];
  readonly #stack: DisposableStack;

  constructor(named: readonly { readonly name: string; readonly guest: Guest }[], stack: DisposableStack) {
    this.#named = named;
    this.guests = named.map(({ guest }) => guest);
    this.#stack = stack;
  }

  /** Runs their start functions and `_initialize`: that is guest time. Gives their functions, by the name they are imported from. */
  instantiate(): WebAssembly.Imports {
    return Object.fromEntries(
      this.#named.map(({ name, guest }) => {
        const { exports } = instantiate(guest);
        (exports['_initialize'] as (() => void) | undefined)?.();
        return [name, exports];
      }),
    );
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]();
  }
}
