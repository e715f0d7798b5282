import { constExpression } from './const-expression.ts';
import type { Draft } from './draft.ts';
import { hex, malformed, refused } from './fault.ts';
import { BULK_MEMORY, MULTI_MEMORY, REFERENCE_TYPES } from './feature.ts';
import type { Reader } from './reader.ts';
import { elementType, isValueType, badType, typeBits } from './value-type.ts';
import { walkBody } from './walk-body.ts';

/** Sections that hold code and data. */

/** No bound of ours: the bytes present are the bound. */
const ANY = 2 ** 32;

export function startSection(reader: Reader, draft: Draft): void {
  reader.u32('the start function');
  draft.start = true;
}

export function elementSection(reader: Reader, draft: Draft): void {
  for (let left = reader.count('element segments', ANY); left > 0; left--) elementSegment(reader, draft);
}

/** Flags: 1 not active, 2 names its table (active) or is declarative (not active), 4 holds expressions instead of function indices. */
function elementSegment(reader: Reader, draft: Draft): void {
  const what = 'an element segment';
  const offset = reader.at;
  const flags = reader.u32(what);
  if (flags > 7) throw malformed(offset, `${what} is of unknown kind ${hex(flags)}`);
  const active = (flags & 1) === 0;
  if (!active) draft.features |= (flags & 2) === 0 ? BULK_MEMORY : REFERENCE_TYPES;
  if ((flags & 4) !== 0) draft.features |= REFERENCE_TYPES;
  if (active && (flags & 2) !== 0) reader.u32(`the table of ${what}`);
  if (active) draft.features |= constExpression(reader, `the offset of ${what}`);
  if ((flags & 3) !== 0) {
    const kind = reader.at;
    if ((flags & 4) !== 0) elementType(reader, what);
    else if (reader.u8(what) !== 0) throw malformed(kind, `${what} holds elements of unknown kind`);
  }
  for (let left = reader.count('elements', ANY); left > 0; left--) {
    if ((flags & 4) === 0) reader.u32(`an entry of ${what}`);
    else constExpression(reader, `an entry of ${what}`);
  }
}

export function dataCountSection(reader: Reader, draft: Draft): void {
  draft.announced = reader.u32('the number of data segments');
  draft.features |= BULK_MEMORY;
}

export function dataSection(reader: Reader, draft: Draft): void {
  draft.segments = reader.count('data segments', ANY);
  for (let left = draft.segments; left > 0; left--) dataSegment(reader, draft);
}

function dataSegment(reader: Reader, draft: Draft): void {
  const what = 'a data segment';
  const offset = reader.at;
  const flags = reader.u32(what);
  if (flags > 2) throw malformed(offset, `${what} is of unknown kind ${hex(flags)}`);
  if (flags === 1) draft.features |= BULK_MEMORY;
  if (flags === 2 && reader.u32(`the memory of ${what}`) !== 0)
    throw refused(offset, MULTI_MEMORY, `${what} names another memory than the first`);
  if (flags !== 1) draft.features |= constExpression(reader, `the offset of ${what}`);
  reader.part(what);
}

export function codeSection(reader: Reader, draft: Draft): void {
  draft.bodies = reader.count('function bodies', ANY);
  for (let left = draft.bodies; left > 0; left--) {
    const body = reader.part('a function body');
    draft.features |= locals(body) | walkBody(body.bytes, body.at, body.end);
  }
}

/** Groups of locals of one type. How many there are in all is V8's to bound: nothing is made for them here. */
function locals(body: Reader): number {
  let used = 0;
  for (let left = body.count('groups of locals', ANY); left > 0; left--) {
    body.u32('a number of locals');
    const offset = body.at;
    const code = body.u8('the type of locals');
    if (!isValueType(code)) throw badType(code, offset, 'a local');
    used |= typeBits(code);
  }
  return used;
}
