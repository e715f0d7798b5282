import { wat } from '../module/helpers.ts';

/** Functions that call themselves for ever, with all kinds of frames. Each counts how deep it is in an exported global, `depth`. */

interface Frame {
  readonly params?: number;
  /** Locals that live across the call. */
  readonly locals?: number;
  /** Values that lie on the operand stack during the call. */
  readonly held?: number;
  readonly type?: 'i32' | 'i64' | 'f64' | 'v128';
  readonly how?: 'call' | 'call_indirect' | 'try' | 'mutual';
}

function zero(type: string): string {
  return type === 'v128' ? '(v128.const i32x4 1 2 3 4)' : `(${type}.const 1)`;
}

function recursive({ params = 0, locals = 0, held = 0, type = 'i64', how = 'call' }: Frame): Uint8Array {
  const times = (count: number, each: (i: number) => string): string => Array.from({ length: count }, (_, i) => each(i)).join(' ');
  const signature = `(type $t (func ${times(params, () => `(param ${type})`)}))`;
  const pass = times(params, (i) => `(local.get ${i})`);
  const set = times(locals, (i) => `(local.set ${params + i} ${zero(type)})`);
  const use = times(locals, (i) => `(drop (local.get ${params + i})) (global.set $keep (local.get ${params + i}))`);
  const call = {
    call: 'call $f',
    mutual: 'call $g',
    call_indirect: '(call_indirect (type $t) (i32.const 0))',
    try: 'call $f',
  }[how];
  const around = how === 'try' ? `try ${pass} ${call} catch_all unreachable end` : `${pass} ${call}`;
  const body = `
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    ${set} ${times(held, () => zero(type))} ${around} ${'drop '.repeat(held)} ${use}`;
  const entry = `(func (export "run") ${times(params, () => zero(type))} call $f)`;
  const text = `(module ${signature} (global $depth (export "depth") (mut i32) (i32.const 0))
    (global $keep (mut ${type}) ${zero(type)})
    (table 1 funcref) (elem (i32.const 0) $f)
    (func $f (type $t) ${times(locals, () => `(local ${type})`)} ${body})
    ${how === 'mutual' ? `(func $g (type $t) ${pass} call $f)` : ''}
    ${entry})`;
  return wat(text);
}

export const DEEP: Readonly<Record<string, Uint8Array>> = {
  bare: recursive({}),
  params: recursive({ params: 12 }),
  'many params': recursive({ params: 100 }),
  'many small params': recursive({ params: 100, type: 'i32' }),
  'many vector params': recursive({ params: 100, type: 'v128' }),
  locals: recursive({ locals: 20 }),
  'many locals': recursive({ locals: 1000 }),
  'locals f64': recursive({ locals: 50, type: 'f64' }),
  vectors: recursive({ locals: 20, type: 'v128' }),
  'vector params': recursive({ params: 10, type: 'v128' }),
  held: recursive({ held: 40 }),
  'held i32': recursive({ held: 300, type: 'i32' }),
  'held vectors': recursive({ held: 40, type: 'v128' }),
  indirect: recursive({ params: 1, how: 'call_indirect' }),
  caught: recursive({ params: 1, how: 'try' }),
  mutual: recursive({ params: 3, how: 'mutual' }),
};
