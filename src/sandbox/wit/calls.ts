import type { Ipld } from '../../ipld/value.ts';
import { checkValue } from './check-value.ts';
import { invalid, type Refusal } from './misfit.ts';
import type { WitFunction } from './model.ts';
import { functionText, shortTypeText } from './text.ts';
import { fromJs, type Inward, toJs } from './values.ts';

/** The arguments and the result of a call. What does not fit is a failure, code `invalid`, as data. */

/** Missing arguments that are named in a message. */
const MOST_NAMED = 10;

export interface ArgumentOptions extends Pick<Inward, 'bytesOf'> {
  /** Which are known; default all. Those that are not come out as `undefined`, unlooked at: promises, before the run. */
  readonly known?: (arg: Ipld) => boolean;
}

/**
 * Arguments as the call takes them.
 * Failure data beside that of `toJs`: `index` from 0, `param` its name; for a wrong number: `given`, and `func`, the signature.
 */
export function toJsArgs(
  func: WitFunction,
  args: readonly Ipld[],
  { known = () => true, bytesOf }: ArgumentOptions = {},
): { readonly args: unknown[] } | Refusal {
  const { params } = func;
  if (args.length !== params.length) return wrongCount(func, args.length);
  const converted: unknown[] = [];
  for (const [index, { name, type }] of params.entries()) {
    const arg = args[index] as Ipld;
    const result = known(arg) ? toJs(type, arg, { subject: subjectOf(name), bytesOf }) : { value: undefined };
    if ('failure' in result) return ofParam(result, index, name);
    converted.push(result.value);
  }
  return { args: converted };
}

/** What `toJsArgs` refuses, bit by bit: whoever reads this may do something else whenever it yields. */
export function* checkArgs(
  func: WitFunction,
  args: readonly Ipld[],
  { known = () => true, bytesOf }: ArgumentOptions = {},
): Generator<void, Refusal | undefined> {
  const { params } = func;
  if (args.length !== params.length) return wrongCount(func, args.length);
  for (const [index, { name, type }] of params.entries()) {
    const arg = args[index] as Ipld;
    if (!known(arg)) continue;
    const refusal = yield* checkValue(type, arg, { subject: subjectOf(name), bytesOf });
    if (refusal !== undefined) return ofParam(refusal, index, name);
  }
  return undefined;
}

function subjectOf(param: string): string {
  return `parameter ${JSON.stringify(param)}`;
}

function ofParam({ failure }: Refusal, index: number, param: string): Refusal {
  return { failure: { ...failure, data: { index, param, ...failure.data } } };
}

function wrongCount(func: WitFunction, given: number): Refusal {
  const { params } = func;
  const lacking = params.slice(given, given + MOST_NAMED).map(({ name, type }) => `${JSON.stringify(name)} (${shortTypeText(type)})`);
  const what =
    lacking.length > 0 ? `${lacking.join(', ')} ${lacking.length === 1 ? 'is' : 'are'} missing` : `${given - params.length} too many`;
  const signature = functionText(func, 300);
  return invalid(`${given} arguments are given, the function takes ${params.length}: ${what}. ${signature}`, { given, func: signature });
}

/** What a call returned, as IPLD; nothing is null. An err is a value like others: `[null, e]`. */
export function fromJsResult({ result }: WitFunction, returned: unknown): { readonly value: Ipld } | Refusal {
  return result === undefined ? { value: null } : fromJs(result, returned, 'the result');
}
