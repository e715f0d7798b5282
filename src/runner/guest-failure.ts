import type { Failure } from '../receipt/outcome.ts';
import { LimitReached } from '../sandbox/files/budget.ts';
import { clip, Refusal } from './refusal.ts';

/**
 * What a guest's throwing means for its task; undefined if it is not the guest's doing. V8 gives three kinds: `RuntimeError` is a trap, a
 * `RangeError` that went through the guest is the call stack, any other is memory the machine did not have.
 */
export function guestFailure(error: unknown): Failure | undefined {
  if (error instanceof Refusal) return error.failure;
  if (error instanceof LimitReached) return { code: error.code, message: error.message };
  if (error instanceof WebAssembly.RuntimeError) return trap(clip(error.message), error);
  if (error instanceof WebAssembly.Exception) return trap('an exception nobody caught', error);
  if (error instanceof WebAssembly.LinkError) return { code: 'invalid', message: clip(error.message) };
  if (!(error instanceof RangeError)) return undefined;
  if (topFrame(error) !== undefined) return { code: 'limit/stack', message: 'the call stack is exhausted' };
  return { code: 'limit/host-memory', message: clip(error.message) };
}

function trap(what: string, error: Error): Failure {
  const frame = topFrame(error);
  if (frame === undefined) return { code: 'trap', message: what };
  const { name, index } = frame;
  const where = name === undefined ? `function ${index}` : JSON.stringify(name);
  return { code: 'trap', message: `${what} in ${where}`, data: name === undefined ? { index } : { index, function: name } };
}

/** V8 writes `at name (wasm://wasm/…:wasm-function[3]:0x2a)`, or without name and parentheses. */
const FRAME = /^ +at (?:(.*) \()?wasm:\/\/wasm\/\S*:wasm-function\[(\d+)\]/m;

function topFrame(error: Error): { readonly name: string | undefined; readonly index: number } | undefined {
  const match = FRAME.exec(error.stack ?? '');
  if (match === null) return undefined;
  const name = match[1]?.split('.').at(-1);
  return { name: name === undefined ? undefined : clip(name), index: Number(match[2]) };
}
