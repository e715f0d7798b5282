import { binary, leb, section, text, vector } from '../module/helpers.ts';

/**
 * Programs written twice: as they are, and with a count before every single instruction, kept in a global that is exported. That is the other opinion on what
 * metered code must charge.
 */

/** One instruction, or a marker. `count`: whether it is to be counted, and what it costs by the length on top of the stack, or by what it added. */
export interface Item {
  readonly code: readonly number[];
  readonly count: 'free' | 'one' | { readonly kind: 'length' | 'growth'; readonly shift: number };
}

export const I32 = 0x7f;
export const EMPTY = 0x40;

/** Types: 0 function, 1 pair, 2 block that takes and gives an i32, 3 tag. */
const TYPES = [
  [0x60, 1, I32, 1, I32],
  [0x60, 1, I32, 2, I32, I32],
  [0x60, 1, I32, 1, I32],
  [0x60, 1, I32, 0],
];
export const FUNCTION = 0;
export const PAIR = 1;
export const THROUGH = 2;
const TAG = 3;

export const FUNCTIONS = 4;
/** Imported: one immutable. Defined: steps left, a plain one that starts from the imported one, then what only counting needs. */
export const IMPORTED = 0;
export const STEPS = 1;
export const STATE = 2;
const COUNT = 3;
const LENGTH = 4;
const GROWN = 5;

/** Locals: the parameter, two i32, one to park what a pair gave. */
export const LOCALS = 4;

/** Functions are exported as f0, f1, …; also `memory`, `table`, and the globals `state` and `count`. */
export function assemble(
  bodies: readonly (readonly Item[])[],
  { isCounting, hasTag }: { readonly isCounting: boolean; readonly hasTag: boolean },
): Uint8Array {
  const codes = bodies.map((items) => {
    const code = items.flatMap((item) => (isCounting ? counted(item) : item.code));
    const body = [1, LOCALS - 1, I32, ...code];
    return [...leb(body.length), ...body];
  });
  const global = (initial: readonly number[], type = I32): number[] => [type, 1, ...initial, 0x0b];
  const tags = !hasTag ? [] : [section(13, ...vector([[0, TAG]]))];
  return binary(
    section(1, ...vector(TYPES)),
    section(2, ...vector([[...text('env'), ...text('base'), 3, I32, 0]])),
    section(3, ...vector(bodies.map((_, i) => [i === FUNCTIONS - 1 ? PAIR : FUNCTION]))),
    section(4, ...vector([[0x70, 1, 8, 12]])),
    section(5, ...vector([[1, 1, 3]])),
    ...tags,
    section(
      6,
      ...vector([
        global([0x41, ...leb(60)]),
        global([0x23, IMPORTED]),
        ...(isCounting ? [global([0x42, 0], 0x7e), global([0x41, 0]), global([0x41, 0])] : []),
      ]),
    ),
    section(
      7,
      ...vector([
        ...bodies.map((_, i) => [...text(`f${i}`), 0, i]),
        [...text('memory'), 2, 0],
        [...text('table'), 1, 0],
        [...text('state'), 3, STATE],
        ...(isCounting ? [[...text('count'), 3, COUNT]] : []),
      ]),
    ),
    section(
      9,
      ...vector([
        [0, 0x41, 0, 0x0b, ...vector(bodies.map((_, i) => [i]))],
        [1, 0, ...vector([[0], [1]])],
      ]),
    ),
    section(12, 1),
    section(10, ...vector(codes)),
    section(11, ...vector([[1, 5, 1, 2, 3, 4, 5]])),
  );
}

/** An instruction behind the code that counts it. */
function counted({ code, count }: Item): readonly number[] {
  if (count === 'free') return code;
  const one = add([0x42, 1]);
  if (count === 'one') return [...one, ...code];
  const shift = [0x42, Math.abs(count.shift), count.shift < 0 ? 0x88 : 0x86];
  const byLength = add([0x23, LENGTH, 0xad, ...shift]);
  const keep = [0x24, LENGTH, 0x23, LENGTH];
  if (count.kind === 'length') return [...one, ...keep, ...byLength, ...code];
  return [...one, ...keep, ...code, 0x24, GROWN, 0x23, GROWN, 0x41, 0x7f, 0x47, 0x04, EMPTY, ...byLength, 0x0b, 0x23, GROWN];
}

function add(amount: readonly number[]): number[] {
  return [0x23, COUNT, ...amount, 0x7c, 0x24, COUNT];
}
