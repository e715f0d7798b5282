import { Float, float, integer, isLink, isList, type Ipld } from '../../ipld/value.ts';
import type { Failure } from '../../receipt/outcome.ts';
import { clip } from './fault.ts';
import type { FunctionType, ModuleInfo, ValueType } from './model.ts';

/**
 * Calls of exported functions with numbers, between IPLD and the WebAssembly JavaScript interface. What does not fit is a failure of
 * the task, code `invalid`, as data.
 */

type Numeric = 'i32' | 'i64' | 'f32' | 'f64';

/** What a JavaScript call of the function takes: i64 as `bigint`, the rest as `number`. */
export type WasmNumber = number | bigint;

export interface Signature {
  readonly params: readonly Numeric[];
  readonly results: readonly Numeric[];
}

interface Refusal {
  readonly failure: Failure;
}

/** Names listed in the data of a failure, and those in its message; a module may export thousands. */
const MOST_LISTED = 50;
const MOST_NAMED = 10;

/** The signature of the function exported as `func`, exactly. Failure data: `exports`, the functions there are (the first 50, long names cut short). */
export function callable(info: ModuleInfo, func: string): { readonly signature: Signature } | Refusal {
  const found = info.exports.find((each) => each.name === func);
  if (found === undefined) {
    const names = functionNames(info);
    const others = info.exports.filter(({ kind }) => kind === 'function').length - MOST_NAMED;
    const listed = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name));
    const those = names.length === 0 ? 'no function' : `${listed.join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
    return invalid(`the module does not export ${JSON.stringify(clip(func))}: it exports ${those}`, { func: clip(func), exports: names });
  }
  if (found.kind !== 'function') {
    return invalid(`export ${JSON.stringify(clip(func))} is a ${found.kind}, not a function`, { func, exports: functionNames(info) });
  }
  const { params, results } = found.type;
  if (isNumeric(params) && isNumeric(results)) return { signature: { params, results } };
  const odd = [...params, ...results].find((type) => !isNumeric([type])) as ValueType;
  return invalid(`${describe(func, found.type)} takes or returns ${odd}; only i32, i64, f32 and f64 can be passed`, { func, type: odd });
}

/**
 * Arguments in the form the call wants. i32 takes integers of −2^31 … 2^32−1, i64 −2^63 … 2^64−1 (both signed and unsigned spellings of the
 * same bits), f32 and f64 integers and floats, rounded to nearest; a float beyond what f32 holds is refused. Failure data:
 * `index` from 0, `type`, `value` (as text, cut short: it may be of any size).
 */
export function toWasmArgs(signature: Signature, args: readonly Ipld[]): { readonly args: WasmNumber[] } | Refusal {
  const { params } = signature;
  if (args.length !== params.length) {
    return invalid(`${args.length} arguments are given, the function takes ${params.length}: (${params.join(', ')})`, {
      given: args.length,
      params: [...params],
    });
  }
  const converted: WasmNumber[] = [];
  for (const [index, type] of params.entries()) {
    const value = args[index] as Ipld;
    const number = toWasm(type, value);
    if (number === undefined)
      return invalid(`argument ${index} is ${show(value)}, not ${RANGES[type]} (${type})`, { index, type, value: show(value) });
    converted.push(number);
  }
  return { args: converted };
}

/**
 * What the call returned, as IPLD: nothing → null, one result → its value, several → a list. i32 and i64 are signed integers, f32 and
 * f64 floats; an f32 becomes the shortest decimal that gives it back (3883.2, not 3883.199951171875), as Homestar does.
 * NaN and the infinities have no IPLD form: a failure with `index` from 0, `type` and `value` (a string).
 */
export function fromWasmResults(signature: Signature, returned: unknown): { readonly value: Ipld } | Refusal {
  const { results } = signature;
  const values: readonly unknown[] = results.length === 0 ? [] : results.length === 1 ? [returned] : (returned as readonly unknown[]);
  const converted: Ipld[] = [];
  for (const [index, type] of results.entries()) {
    const value = values[index] as WasmNumber;
    if (typeof value === 'number' && !Number.isFinite(value)) {
      return invalid(`result ${index} is ${value}, which has no IPLD form`, { index, type, value: String(value) });
    }
    converted.push(fromWasm(type, value));
  }
  if (results.length === 0) return { value: null };
  return { value: results.length === 1 ? (converted[0] as Ipld) : converted };
}

const RANGES: Readonly<Record<Numeric, string>> = {
  i32: 'an integer of -2^31 to 2^32-1',
  i64: 'an integer of -2^63 to 2^64-1',
  f32: 'an integer or float within ±3.4028235e38',
  f64: 'an integer or float',
};

function toWasm(type: Numeric, value: Ipld): WasmNumber | undefined {
  if (type === 'i32') return within(value, -(2n ** 31n), 2n ** 32n) ? Number(value) | 0 : undefined;
  if (type === 'i64') return within(value, -(2n ** 63n), 2n ** 64n) ? BigInt.asIntN(64, BigInt(value)) : undefined;
  const number = value instanceof Float ? value.value : value;
  if (typeof number !== 'number' && typeof number !== 'bigint') return undefined;
  const rounded = type === 'f32' ? Math.fround(Number(number)) : Number(number);
  return Number.isFinite(rounded) ? rounded : undefined;
}

function within(value: Ipld, least: bigint, beyond: bigint): value is number | bigint {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) return false;
  return value >= least && value < beyond;
}

function fromWasm(type: Numeric, value: WasmNumber): Ipld {
  if (typeof value === 'bigint') return integer(value);
  if (type === 'f32') return float(shortest(value));
  return type === 'f64' ? float(value) : value;
}

/** The shortest decimal that gives a finite f32 back. Nine digits always tell one from the next. */
export function shortest(value: number): number {
  if (Number.isInteger(value)) return value;
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}

export function isNumeric(types: readonly ValueType[]): types is readonly Numeric[] {
  return types.every((type) => type === 'i32' || type === 'i64' || type === 'f32' || type === 'f64');
}

function functionNames(info: ModuleInfo): string[] {
  return info.exports
    .filter((each) => each.kind === 'function')
    .slice(0, MOST_LISTED)
    .map((each) => clip(each.name));
}

function describe(func: string, { params, results }: FunctionType): string {
  return `${JSON.stringify(clip(func))} (${params.join(', ')}) -> (${results.join(', ')})`;
}

function show(value: Ipld): string {
  if (typeof value === 'string') return JSON.stringify(clip(value));
  if (value instanceof Float) return Object.is(value.value, -0) ? 'the float -0' : `the float ${value.value}`;
  if (value === null || typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return isList(value) ? `a list of ${value.length}` : isLink(value) ? `the link ${value.toString()}` : 'a map';
}

function invalid(message: string, data: { readonly [key: string]: Ipld }): Refusal {
  return { failure: { code: 'invalid', message, data } };
}
