import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import type wabtModule from 'wabt';
import { isDocketError, type DocketError } from '../../../src/errors.ts';

// Its types describe a default export, its code is CommonJS that exports the function itself.
const load = createRequire(import.meta.url)('wabt') as typeof wabtModule;
const wabt = await load();

/** Assembles text with everything wabt knows switched on. */
export function wat(source: string): Uint8Array {
  const module = wabt.parseWat('test.wat', source, {
    exceptions: true,
    threads: true,
    function_references: true,
    tail_call: true,
    gc: true,
    memory64: true,
    extended_const: true,
    relaxed_simd: true,
  });
  try {
    return module.toBinary({ write_debug_names: true }).buffer.slice();
  } finally {
    module.destroy();
  }
}

export const HEADER: readonly number[] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

export function leb(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return [...bytes, left];
}

export function section(id: number, ...contents: readonly number[]): number[] {
  return [id, ...leb(contents.length), ...contents];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

export function text(value: string): number[] {
  const bytes = [...new TextEncoder().encode(value)];
  return [...leb(bytes.length), ...bytes];
}

export function binary(...sections: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([...HEADER, ...sections.flat()]);
}

/** A module of one function without parameters, results and locals, one memory and one table. */
export function withBody(...code: readonly number[]): Uint8Array {
  const body = [0, ...code, 0x0b];
  return binary(
    section(1, ...vector([[0x60, 0, 0]])),
    section(3, ...vector([[0]])),
    section(4, ...vector([[0x70, 0, 1]])),
    section(5, ...vector([[0, 1]])),
    section(10, ...vector([[...leb(body.length), ...body]])),
  );
}

/** Runs what must throw `MODULE_INVALID` and gives the error. */
export function invalid(action: () => unknown, message?: RegExp): DocketError {
  try {
    action();
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    if (message !== undefined) assert.match(error.message, message);
    return error;
  }
  assert.fail('expected MODULE_INVALID, nothing was thrown');
}
