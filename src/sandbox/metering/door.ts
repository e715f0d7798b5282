import * as Code from './code.ts';
import type { Output } from './output.ts';

/** A function that is called from outside by another one, which puts the count of the stack back when it returned: functions leave it as it is. */
export interface Door {
  /** Its own index. */
  readonly index: number;
  readonly target: number;
  /** Index of the type of both. */
  readonly type: number;
  readonly params: number;
  /** Slots it takes itself. */
  readonly frame: number;
}

/** Calls its target with what it was given, between taking its own frame off the stack that is left and putting that count back. Costs no fuel. `stack`: the global with that count. */
export function writeDoor(out: Output, { target, params, frame }: Door, stack: number): void {
  const indexed = (code: number, index: number): void => {
    out.u8(code);
    out.u32(index);
  };
  out.u8(1, 1, Code.TYPE_I64);
  indexed(Code.GLOBAL_GET, stack);
  indexed(Code.LOCAL_TEE, params);
  out.u8(Code.I64_CONST);
  out.s64(frame);
  out.u8(Code.I64_SUB);
  indexed(Code.GLOBAL_SET, stack);
  for (let i = 0; i < params; i++) indexed(Code.LOCAL_GET, i);
  indexed(Code.CALL, target);
  indexed(Code.LOCAL_GET, params);
  indexed(Code.GLOBAL_SET, stack);
  out.u8(Code.END);
}
