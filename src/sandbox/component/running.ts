import type { Toll } from '../metering/toll.ts';
import { throwUncatchable } from '../ending.ts';
import type { CoreValue } from './codec.ts';
import { endScope, Handles, newScope, type ResourceType } from './handles.ts';
import { liftParams, liftResult, lowerParams, lowerResult } from './passing.ts';
import type { CoreItem, CoreStep, Func, Plan, Side } from './plan-model.ts';
import { Meter } from './meter.ts';
import { type Passage, Region } from './region.ts';
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
  /** What the host's own work is taken from. */
  readonly toll: Toll;
  /** Values that a result may consist of, the least they can be as IPLD: what has more is not taken out. */
  readonly mostValues: number;
  /** Told of large values that were passed in a call and are garbage now, in bytes. */
  readonly onDropped: (bytes: number) => void;
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
 * 1. What ended the task inside a call of the host or of another component is kept (`ending`); guests are thrown what they cannot catch. What ended it first stays its
 *    end. (An exhausted stack may end it before a line of a call runs; no guest catches that either.)
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
  readonly #meter: Meter;
  #ending: unknown;

  constructor(plan: Plan, surroundings: Surroundings) {
    this.#plan = plan;
    this.#surroundings = surroundings;
    this.#meter = new Meter(surroundings.toll);
    this.#handles = Array.from({ length: plan.instances }, () => new Handles());
    this.#gates = Array.from({ length: plan.instances }, () => ({ isEntered: false, mayLeave: true }));
  }

  /** No value that it gave is larger than this, in bytes. */
  get lifted(): number {
    return this.#meter.lifted;
  }

  /** What the values weigh that it gave and was given and that nothing was told of (`onDropped`), in bytes: those of a call that was not ended too. */
  get held(): number {
    return this.#meter.held;
  }

  /** Makes the core instances, in order. Runs their start functions: that is guest time. */
  start(): void {
    this.#orEnding(() => this.#instantiate());
  }

  #instantiate(): void {
    for (const [index, step] of this.#plan.steps.entries()) {
      const instance = new WebAssembly.Instance(step.module.module as WebAssembly.Module, this.#importsOf(step, index));
      this.#instances.push(instance);
      if (step.initializes) (instance.exports['_initialize'] as () => void)();
    }
  }

  /** Calls an exported function with values in the shapes of `codec.ts`. */
  call(func: Func, args: readonly unknown[]): unknown {
    return this.#orEnding(() => this.#invoke(func, args, this.#surroundings.mostValues));
  }

  /** Throws what ended the task rather than what the guest was thrown for it. */
  #orEnding<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw this.#ending ?? error;
    }
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
        const gate = this.#gates[item.instance] as Gate;
        if (item.op === 'rep') return this.#guarded((handle) => handles.get(handle as number, item.resource).rep as number);
        return this.#guarded((value) => {
          checkLeaving(gate);
          return item.op === 'new' ? handles.add(item.resource, value) : this.#drop(item.instance, value as number, item.resource);
        });
      }
    }
  }

  #guarded(call: CoreFunction): CoreFunction {
    return (...args) => {
      try {
        this.#surroundings.toll.call();
        return call(...args);
      } catch (error) {
        this.#ending ??= error;
        return throwUncatchable();
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

  #invoke(func: Func, args: readonly unknown[], mostValues = Infinity): unknown {
    if (func.kind === 'host') return this.#surroundings.callHost(func.interface, func.name, args);
    const { signature, side, core, postReturn } = func;
    const gate = this.#enter(side.instance);
    const pass: Passage = { region: this.#region(side), scope: newScope() };
    const flat = closed(gate, () => lowerParams(signature, pass, args));
    const returned = this.#function(core)(...flat);
    const result = this.#meter.within(mostValues, () => liftResult(signature, pass, returned));
    if (pass.scope.borrows > 0) throw trap('a component keeps what it borrowed');
    if (postReturn !== undefined) closed(gate, () => this.#function(postReturn)(...(returned === undefined ? [] : [returned])));
    this.#leave(gate);
    return result;
  }

  #enter(instance: number): Gate {
    const gate = this.#gates[instance] as Gate;
    if (gate.isEntered) throw trap('a component is called while it is being called');
    this.#surroundings.toll.enter();
    gate.isEntered = true;
    return gate;
  }

  #leave(gate: Gate): void {
    gate.isEntered = false;
    this.#surroundings.toll.leave();
  }

  /** A guest calls a function of the host or of another component. */
  #callOut(func: Func, side: Side, core: readonly CoreValue[]): CoreValue | undefined {
    const gate = this.#gates[side.instance] as Gate;
    checkLeaving(gate);
    const { signature } = func;
    const before = this.#meter.lifted;
    const pass: Passage = { region: this.#region(side), scope: newScope() };
    const result = this.#invoke(func, liftParams(signature, pass, core));
    endScope(pass.scope);
    const returned = closed(gate, () => lowerResult(signature, pass, result, core));
    const dropped = this.#meter.release(before);
    if (dropped > 0) this.#surroundings.onDropped(dropped);
    return returned;
  }

  #drop(instance: number, handle: number, type: ResourceType): undefined {
    const entry = (this.#handles[instance] as Handles).remove(handle, type);
    if (entry.scope !== undefined) return undefined;
    if (type.definer === undefined) disposeOf(entry.rep);
    else {
      const destructor = this.#plan.destructors.get(type);
      if (destructor !== undefined) this.#destroy(type.definer, instance, () => this.#function(destructor)(entry.rep as number));
    }
    return undefined;
  }

  /** Who defines a resource may drop one of its own while it is called; who else has one calls it by that. */
  #destroy(definer: number, dropper: number, call: () => void): void {
    if (definer !== dropper) {
      const gate = this.#enter(definer);
      call();
      return this.#leave(gate);
    }
    const { toll } = this.#surroundings;
    toll.enter();
    call();
    toll.leave();
  }

  /** Lets go of what the host gave it. The guest is not asked any more. */
  [Symbol.dispose](): void {
    for (const handles of this.#handles) for (const { type, rep } of handles.owned()) if (type.definer === undefined) disposeOf(rep);
  }
}

function disposeOf(rep: unknown): void {
  (rep as Partial<Disposable>)[Symbol.dispose]?.();
}

function checkLeaving(gate: Gate): void {
  if (!gate.mayLeave) throw trap('a component calls out while it is asked for memory');
}

function closed<T>(gate: Gate, run: () => T): T {
  gate.mayLeave = false;
  const result = run();
  gate.mayLeave = true;
  return result;
}
