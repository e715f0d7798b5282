import { type CoreValue, Values } from './codec.ts';
import type { Signature } from './plan-model.ts';
import type { Passage } from './region.ts';
import { returnsInMemory } from './signature.ts';

/** Parameters and results of calls, out of core values and memory and into them. */

export function lowerParams({ params, spilled }: Signature, pass: Passage, args: readonly unknown[]): CoreValue[] {
  const core: CoreValue[] = [];
  if (spilled === undefined) {
    for (const [i, { codec }] of params.entries()) {
      pass.region.meter.lowered(codec.weight);
      codec.lower(pass, args[i], core);
    }
    return core;
  }
  const at = pass.region.allocate(spilled.size, spilled.align, spilled.weight);
  spilled.store(pass, args, at);
  return [at | 0];
}

export function liftParams({ params, spilled }: Signature, pass: Passage, core: readonly CoreValue[]): readonly unknown[] {
  if (spilled !== undefined) return loadAt(spilled, pass, core[0] as number) as readonly unknown[];
  const from = new Values(core);
  return params.map(({ codec }) => {
    pass.region.meter.lift(codec.weight);
    return codec.lift(pass, from);
  });
}

export function liftResult(signature: Signature, pass: Passage, returned: CoreValue | undefined): unknown {
  const { result } = signature;
  if (result === undefined) return undefined;
  if (returnsInMemory(signature)) return loadAt(result, pass, returned as number);
  pass.region.meter.lift(result.weight, result.items);
  return result.lift(pass, new Values([returned as CoreValue]));
}

export function lowerResult(signature: Signature, pass: Passage, value: unknown, core: readonly CoreValue[]): CoreValue | undefined {
  const { result } = signature;
  if (result === undefined) return undefined;
  pass.region.meter.lowered(result.weight);
  if (!returnsInMemory(signature)) {
    const out: CoreValue[] = [];
    result.lower(pass, value, out);
    return out[0];
  }
  result.store(pass, value, pass.region.check(core.at(-1) as number, result.size, result.align));
  return undefined;
}

function loadAt(codec: NonNullable<Signature['spilled']>, pass: Passage, address: number): unknown {
  pass.region.lift(address, codec.size, codec.align, codec);
  return codec.load(pass, address >>> 0);
}
