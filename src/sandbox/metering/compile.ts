import { DocketError } from '../../errors.ts';
import { type Prepared, prepare } from '../module/prepare.ts';
import { meter } from './meter.ts';

/** `compile` of `module/prepare.ts`, with metering put in; to be instantiated with the imports of `Counters`. Throws `MODULE_INVALID`. */
export function compileMetered(bytes: Uint8Array): Prepared & { readonly module: WebAssembly.Module } {
  // Metering rests on what it is put into being valid, so V8 is asked before.
  const prepared = prepare(bytes);
  const metered = meter(prepared.bytes);
  try {
    return { ...prepared, bytes: metered, module: new WebAssembly.Module(metered) };
  } catch (cause) {
    if (!(cause instanceof WebAssembly.CompileError)) throw cause;
    // What is put in counts towards V8's bounds of a function: its size, its locals.
    throw new DocketError(
      'MODULE_INVALID',
      `the module has no room for metering: ${cause.message.replace(/^WebAssembly\.Module\(\): /, '')}`,
      {
        cause,
        next: 'Run it without a limit of fuel, or split up its largest function.',
      },
    );
  }
}
