import type { FunctionType } from '../module/model.ts';
import { Reader } from '../module/reader.ts';
import { isValueType } from '../module/value-type.ts';
import * as Code from './code.ts';

/** Where the parts of a function's body lie in the module. */
export interface Body {
  /** The groups of locals, behind their count. */
  readonly groups: number;
  readonly groupCount: number;
  /** Locals declared; parameters come before them. */
  readonly locals: number;
  /** The instructions, `[code, end)`. */
  readonly code: number;
  readonly end: number;
}

export function readBody(reader: Reader): Body {
  const body = reader.part('a function body');
  const groupCount = body.u32('the number of groups of locals');
  const groups = body.at;
  let locals = 0;
  for (let left = groupCount; left > 0; left--) {
    locals += body.u32('a number of locals');
    body.skip(1, 'the type of locals');
  }
  return { groups, groupCount, locals, code: body.at, end: body.end };
}

/** The number behind a one-byte opcode at `offset`: an index or a label. */
export function indexAt(bytes: Uint8Array, offset: number, next: number): number {
  const first = bytes[offset + 1] as number;
  return first < 0x80 ? first : new Reader(bytes, offset + 1, next).u32('an index');
}

/** Labels of a `br_table`, the last is where everything else goes. */
export function branchTable(bytes: Uint8Array, offset: number, next: number): number[] {
  const reader = new Reader(bytes, offset + 1, next);
  const labels: number[] = [];
  for (let left = reader.u32('the number of labels'); left >= 0; left--) labels.push(reader.u32('a label'));
  return labels;
}

/** Labels of a `try_table`'s clauses, counted from outside of it. */
export function catchLabels(bytes: Uint8Array, offset: number, next: number): number[] {
  const reader = new Reader(bytes, offset + 1, next);
  const type = bytes[reader.at] as number;
  if (type === Code.EMPTY || isValueType(type)) reader.skip(1, 'a block type');
  else reader.u32('a block type');
  const labels: number[] = [];
  for (let left = reader.u32('the number of clauses'); left > 0; left--) {
    if (reader.u8('a clause') < 2) reader.u32('a tag');
    labels.push(reader.u32('a label'));
  }
  return labels;
}

/** How many values the block whose opcode is at `offset` takes and gives. */
export function blockArity(bytes: Uint8Array, offset: number, types: readonly FunctionType[]): readonly [params: number, results: number] {
  const code = bytes[offset + 1] as number;
  if (code === Code.EMPTY) return NOTHING;
  if (isValueType(code)) return ONE_RESULT;
  const type = types[new Reader(bytes, offset + 1, bytes.length).u32('a block type')];
  return type === undefined ? NOTHING : [type.params.length, type.results.length];
}

const NOTHING = [0, 0] as const;
const ONE_RESULT = [0, 1] as const;
