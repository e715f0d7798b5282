import type { FunctionType } from '../module/model.ts';

import { walkBody } from '../module/walk-body.ts';
import { blockArity, type Body, indexAt } from './body.ts';
import * as Code from './code.ts';
import { stackEffect } from './stack-effect.ts';

/** What a function may take of the stack by itself, and what it calls. */
export interface Survey {
  /** Slots of 8 bytes. */
  readonly frame: number;
  /** Functions of the module it calls by name, each once. */
  readonly calls: readonly number[];
  readonly tailCalls: readonly number[];
  /** Whether it calls what cannot be told from here: an entry of a table, or an import. */
  readonly callsOut: boolean;
  readonly tailCallsOut: boolean;
}

export interface Signatures {
  readonly types: readonly FunctionType[];
  /** Imported ones first. */
  readonly functions: readonly FunctionType[];
  /** How many of them are imported. */
  readonly imported: number;
  /** Slots a value may take: 2 if there are vectors. */
  readonly valueSlots: number;
}

/**
 * What a call takes beside its values. Measured: the smallest frame of the baseline tier, which has the larger ones, has 6 slots (return address, frame pointer,
 * V8's own words); metering has up to 4 locals of its own.
 */
export const CALL_SLOTS = 10;

/** Parameters and results that certainly travel in registers; the others take a slot more in the frame of who calls, which is counted here. */
const PARAMS_IN_REGISTERS = 4;
const RESULTS_IN_REGISTERS = 1;

/** The payload of an exception has 16 values at most. */
const MOST_PAYLOAD = 16;

export function survey(
  bytes: Uint8Array,
  body: Body,
  { params, results }: FunctionType,
  { types, functions, imported, valueSlots }: Signatures,
): Survey {
  const blocks: { readonly base: number; readonly params: number; readonly results: number }[] = [];
  let base = 0;
  let height = 0;
  let highest = 0;
  const calls = new Set<number>();
  const tailCalls = new Set<number>();
  let callsOut = false;
  let tailCallsOut = false;

  const callOf = (type: FunctionType | undefined): void => {
    height += (type?.results.length ?? 0) - (type?.params.length ?? 0);
  };
  const typeOf = (offset: number, next: number): FunctionType | undefined => functions[indexAt(bytes, offset, next)];

  walkBody(bytes, body.code, body.end, (code, offset, next) => {
    height += stackEffect(code);
    switch (code) {
      case Code.BLOCK:
      case Code.LOOP:
      case Code.IF:
      case Code.TRY:
      case Code.TRY_TABLE: {
        const [takes, gives] = blockArity(bytes, offset, types);
        blocks.push({ base, params: takes, results: gives });
        height = base = Math.max(base, height - takes);
        height += takes;
        break;
      }
      case Code.ELSE:
        height = base + (blocks.at(-1)?.params ?? 0);
        break;
      case Code.CATCH:
        height = base + MOST_PAYLOAD;
        break;
      case Code.CATCH_ALL:
        height = base;
        break;
      case Code.END:
      case Code.DELEGATE: {
        const block = blocks.pop();
        if (block === undefined) break;
        height = base + block.results;
        base = block.base;
        break;
      }
      case Code.CALL: {
        callOf(typeOf(offset, next));
        const index = indexAt(bytes, offset, next);
        if (index < imported) callsOut = true;
        else calls.add(index);
        break;
      }
      case Code.CALL_INDIRECT:
        callOf(types[indexAt(bytes, offset, next)]);
        callsOut = true;
        break;
      case Code.RETURN_CALL: {
        const index = indexAt(bytes, offset, next);
        if (index < imported) tailCallsOut = true;
        else tailCalls.add(index);
        break;
      }
      case Code.RETURN_CALL_INDIRECT:
        tailCallsOut = true;
        break;
    }
    if (height > highest) highest = height;
    // In code that is never reached heights mean nothing, and may fall below.
    else if (height < base) height = base;
  });
  const passed = Math.max(0, params.length - PARAMS_IN_REGISTERS) + Math.max(0, results.length - RESULTS_IN_REGISTERS);
  const frame = CALL_SLOTS + (passed + params.length + body.locals + highest) * valueSlots;
  return { frame, calls: [...calls], tailCalls: [...tailCalls], callsOut, tailCallsOut };
}
