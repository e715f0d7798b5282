import { type CoreValue, Values } from './codec.ts';
import { endScope, Handles, newScope, type ResourceType } from './handles.ts';
import type { CoreItem, CoreStep, Func, Plan, Side, Signature } from './plan-model.ts';
import { Meter, type Passage, Region } from './region.ts';
import { returnsInMemory } from './signature.ts';
import { trap } from './trap.ts';

type CoreFunction = (...args: CoreValue[]) => CoreValue | undefined;

export interface Surroundings {
  /** The memory of a core module that defines one, by the number of its step. */
  readonly memories: readonly (WebAssembly.Memory | undefined)[];
  /** Calls a function of the host. */
  readonly callHost: (interfaceName: string, name: string, args: readonly unknown[]) => unknown;
  /** The functions of `wasi_snapshot_preview1` for the core instance with this number, where one is linked to them. */
  readonly preview1: Readonly<Record<string, (...args: never[]) => unknown>>;
  /** What metered code imports, the same for all core instances. */
  readonly counters: WebAssembly.Imports;
}

/** What a component instance may do at the moment. */
interface Gate {
  /** It is being called. */
  isEntered: boolean;
  /** It may call out; not while it is asked for memory. */
  mayLeave: boolean;
}

/**
 * One component for one task.
 *
 * Invariants
 * 1. What ended the task inside a call of the host or of another component (`ending`) is thrown by every further call, since a guest may catch what it is thrown
 *    (`catch_all`). What ended it first stays its end.
 * 2. After anything was thrown the instance is not called again.
 */
export class Running implements Disposable {
  readonly #plan: Plan;
  readonly #surroundings: Surroundings;
  readonly #instances: WebAssembly.Instance[] = [];
  readonly #handles: readonly Handles[];
  readonly #gates: readonly Gate[];
  readonly #regions = new Map<Side, Region>();
  readonly #functions = new Map<CoreItem, CoreFunction>();
  readonly #meter = new Meter();
  #ending: unknown;

  constructor(plan: Plan, surroundings: Surroundings) {
    this.#plan = plan;
    this.#surroundings = surroundings;
    this.#handles = Array.from({ length: plan.instances }, () => new Handles());
    this.#gates = Array.from({ length: plan.instances }, () => ({ isEntered: false, mayLeave: true }));
  }

  /** What ended the task; a guest may have caught it and returned. */
  get ending(): unknown {
    return this.#ending;
  }

  /** No value that it gave is larger than this, in bytes. */
  get lifted(): number {
    return this.#meter.lifted;
  }

  /** Makes the core instances, in order. Runs their start functions: that is guest time. */
  start(): void {
    for (const [index, step] of this.#plan.steps.entries()) {
      const instance = new WebAssembly.Instance(step.module.module as WebAssembly.Module, this.#importsOf(step, index));
      this.#instances.push(instance);
      if (step.initializes) (instance.exports['_initialize'] as () => void)();
      if (this.#ending !== undefined) throw this.#ending;
    }
  }

  /** Calls an exported function with values in the shapes of `codec.ts`. */
  call(func: Func, args: readonly unknown[]): unknown {
    const result = this.#invoke(func, args);
    if (this.#ending !== undefined) throw this.#ending;
    return result;
  }

  #importsOf({ module, links }: CoreStep, index: number): WebAssembly.Imports {
    // Without prototypes: names are the guest's.
    const imports = Object.create(null) as Record<string, Record<string, WebAssembly.ExportValue>>;
    const give = (from: string, name: string, value: WebAssembly.ExportValue): void => {
      imports[from] ??= Object.create(null) as Record<string, WebAssembly.ExportValue>;
      imports[from][name] = value;
    };
    for (const wanted of module.info.imports) {
      const item = links.get(wanted.module)?.get(wanted.name) as CoreItem;
      give(wanted.module, wanted.name, this.#value(item));
    }
    const { info, memoryImport } = module;
    const memory = this.#surroundings.memories[index];
    if (memory !== undefined && memoryImport !== undefined && info.memory?.imported === undefined)
      give(memoryImport.module, memoryImport.name, memory);
    for (const [from, counters] of Object.entries(this.#surroundings.counters))
      for (const [name, counter] of Object.entries(counters)) give(from, name, counter);
    return imports;
  }

  #value(item: CoreItem): WebAssembly.ExportValue {
    if (item.kind !== 'export') return this.#function(item);
    const found = this.#instances[item.instance]?.exports[item.item.name];
    if (found === undefined) throw trap(`core instance ${item.instance} is not there yet`);
    return found;
  }

  #function(item: CoreItem): CoreFunction {
    if (item.kind === 'export') return this.#value(item) as CoreFunction;
    const known = this.#functions.get(item);
    if (known !== undefined) return known;
    const made = this.#make(item);
    this.#functions.set(item, made);
    return made;
  }

  #make(item: Exclude<CoreItem, { kind: 'export' }>): CoreFunction {
    switch (item.kind) {
      case 'preview1':
        return this.#surroundings.preview1[item.name] as CoreFunction;
      case 'lowered':
        return this.#guarded((...args) => this.#callOut(item.func, item.side, args));
      case 'resource': {
        const handles = this.#handles[item.instance] as Handles;
        if (item.op === 'new') return this.#guarded((rep) => handles.add(item.resource, rep));
        if (item.op === 'rep') return this.#guarded((handle) => handles.get(handle as number, item.resource).rep as number);
        return this.#guarded((handle) => this.#drop(item.instance, handle as number, item.resource));
      }
    }
  }

  #guarded(call: CoreFunction): CoreFunction {
    return (...args) => {
      if (this.#ending !== undefined) throw this.#ending;
      try {
        return call(...args);
      } catch (error) {
        this.#ending ??= error;
        throw error;
      }
    };
  }

  #region(side: Side): Region {
    const known = this.#regions.get(side);
    if (known !== undefined) return known;
    const region = new Region({
      handles: this.#handles[side.instance] as Handles,
      instance: side.instance,
      text: side.text,
      memory: side.memory === undefined ? undefined : (this.#value(side.memory) as WebAssembly.Memory),
      realloc: side.realloc === undefined ? undefined : (this.#function(side.realloc) as never),
      meter: this.#meter,
    });
    this.#regions.set(side, region);
    return region;
  }

  #invoke(func: Func, args: readonly unknown[]): unknown {
    if (func.kind === 'host') return this.#surroundings.callHost(func.interface, func.name, args);
    const { signature, side, core, postReturn } = func;
    const gate = this.#gates[side.instance] as Gate;
    if (gate.isEntered) throw trap('a component is called while it is being called');
    gate.isEntered = true;
    const pass: Passage = { region: this.#region(side), scope: newScope() };
    const flat = closed(gate, () => lowerParams(signature, pass, args));
    const returned = this.#function(core)(...flat);
    const result = liftResult(signature, pass, returned);
    if (pass.scope.borrows > 0) throw trap('a component keeps what it borrowed');
    if (postReturn !== undefined) closed(gate, () => this.#function(postReturn)(...(returned === undefined ? [] : [returned])));
    gate.isEntered = false;
    return result;
  }

  /** A guest calls a function of the host or of another component. */
  #callOut(func: Func, side: Side, core: readonly CoreValue[]): CoreValue | undefined {
    const gate = this.#gates[side.instance] as Gate;
    if (!gate.mayLeave) throw trap('a component calls out while it is asked for memory');
    const { signature } = func;
    const pass: Passage = { region: this.#region(side), scope: newScope() };
    const held = this.#meter.lifted;
    const result = this.#invoke(func, liftParams(signature, pass, core));
    endScope(pass.scope);
    const lowered = closed(gate, () => lowerResult(signature, pass, result, core));
    // Arguments and result have passed; a program may write more in the course of time than may be held at once.
    this.#meter.forget(held);
    return lowered;
  }

  #drop(instance: number, handle: number, type: ResourceType): undefined {
    const entry = (this.#handles[instance] as Handles).remove(handle, type);
    if (entry.scope !== undefined) return undefined;
    if (type.definer === undefined) disposeOf(entry.rep);
    else {
      const destructor = this.#plan.destructors.get(type);
      if (destructor !== undefined) this.#function(destructor)(entry.rep as number);
    }
    return undefined;
  }

  /** Lets go of what the host gave it. The guest is not asked any more. */
  [Symbol.dispose](): void {
    for (const handles of this.#handles) for (const { type, rep } of handles.owned()) if (type.definer === undefined) disposeOf(rep);
  }
}

function disposeOf(rep: unknown): void {
  (rep as Partial<Disposable>)[Symbol.dispose]?.();
}

function closed<T>(gate: Gate, run: () => T): T {
  gate.mayLeave = false;
  const result = run();
  gate.mayLeave = true;
  return result;
}

function lowerParams({ params, spilled }: Signature, pass: Passage, args: readonly unknown[]): CoreValue[] {
  const core: CoreValue[] = [];
  if (spilled === undefined) {
    for (const [i, { codec }] of params.entries()) codec.lower(pass, args[i], core);
    return core;
  }
  const at = pass.region.allocate(spilled.size, spilled.align);
  spilled.store(pass, args, at);
  return [at | 0];
}

function liftParams({ params, spilled }: Signature, pass: Passage, core: readonly CoreValue[]): readonly unknown[] {
  if (spilled !== undefined) return loadAt(spilled, pass, core[0] as number) as readonly unknown[];
  const from = new Values(core);
  return params.map(({ codec }) => codec.lift(pass, from));
}

function liftResult(signature: Signature, pass: Passage, returned: CoreValue | undefined): unknown {
  const { result } = signature;
  if (result === undefined) return undefined;
  if (returnsInMemory(signature)) return loadAt(result, pass, returned as number);
  return result.lift(pass, new Values([returned as CoreValue]));
}

function lowerResult(signature: Signature, pass: Passage, value: unknown, core: readonly CoreValue[]): CoreValue | undefined {
  const { result } = signature;
  if (result === undefined) return undefined;
  if (!returnsInMemory(signature)) {
    const out: CoreValue[] = [];
    result.lower(pass, value, out);
    return out[0];
  }
  result.store(pass, value, pass.region.check(core.at(-1) as number, result.size, result.align));
  return undefined;
}

function loadAt(codec: NonNullable<Signature['spilled']>, pass: Passage, address: number): unknown {
  pass.region.lift(address, codec.size, codec.align, 0);
  return codec.load(pass, address >>> 0);
}
