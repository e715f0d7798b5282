import { callable } from '../sandbox/module/signature.ts';
import type { CompiledModule } from './module-cache.ts';
import { clip, Refusal } from './refusal.ts';

/** Import modules that tell what a module was built for, if not for preview 1. */
const BUILT_FOR: ReadonlyMap<string, string> = new Map([
  ['wasi_unstable', 'the draft before preview 1'],
  ['gojs', 'JavaScript, by Go with GOOS=js'],
  ['go', 'JavaScript, by Go with GOOS=js'],
  ['wbg', 'JavaScript, by wasm-bindgen'],
  ['__wbindgen_placeholder__', 'JavaScript, by wasm-bindgen'],
]);

/** Whether `wasi/run` can run it, as far as that shows before its imports are looked up. Throws `Refusal`, code `invalid`, data `{part: 'module'}`. */
export function checkCommand({ info }: CompiledModule): void {
  for (const { module } of info.imports) {
    const purpose = BUILT_FOR.get(module);
    if (purpose !== undefined) throw unfit(`the module was built for ${purpose}: it imports from ${module}`);
  }
  const found = callable(info, '_start');
  if ('failure' in found) {
    if ('signature' in callable(info, '_initialize'))
      throw unfit('not a command, but a library that others call (a reactor: it exports "_initialize" and no "_start")');
    if (info.hasComponentType)
      throw unfit(
        'not a command: it says in a component-type section what it is to become; make a component of it, as by `wasm-tools component new`',
      );
    throw unfit(`not a command: ${found.failure.message}`, found.failure.data);
  }
  const { params, results } = found.signature;
  if (params.length + results.length > 0) throw unfit('not a command: its "_start" takes or returns values');
}

/** After the imports were looked up, so that what is missing is told as missing. Throws as `checkCommand`. */
export function checkImportTypes({ preview1Problems }: CompiledModule): void {
  if (preview1Problems.length > 0) throw unfit(`the module was built for another preview 1: ${preview1Problems.map(clip).join('; ')}`);
}

function unfit(message: string, data: Refusal['failure']['data'] = {}): Refusal {
  return new Refusal('invalid', message, { part: 'module', ...data });
}
