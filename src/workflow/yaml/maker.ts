import { type CID, parse as parseCid } from '../../ipld/cid.ts';
import type { Ipld } from '../../ipld/value.ts';
import type { Imports } from '../sources.ts';
import type { Data, FromContent, Template } from './model.ts';
import { fillText, fillValue, isConstant, type Names } from './template.ts';

/** Where one task of an `each` or a `reduce` stands. */
export interface Frame extends Names {
  /** Instructions of the tasks below a task of a `reduce`. */
  readonly parts: readonly CID[];
}

/** What making an input needs besides its frame. */
export interface World {
  readonly imports: Imports;
  /** Instructions of a task made before: one, or of an `each` all in order. */
  instructions(task: string): readonly CID[];
  /** What `from` means where it stands. */
  relation(from: FromContent): 'paired' | 'all' | 'one';
  readonly fail: Fail;
}

/** Throws, with the place of offset `at`. */
export type Fail = (at: number, message: string, next?: string) => never;

/**
 * Makes one value per frame. One that does not depend on the frame is made once and shared by all tasks of an `each`,
 * which is most of what a large plan holds.
 */
export interface Maker<T = Ipld> {
  readonly constant: boolean;
  readonly make: (frame: Frame) => T;
}

/** A maker that works once if its value is constant. */
export function maker<T>(constant: boolean, make: (frame: Frame) => T): Maker<T> {
  if (!constant) return { constant, make };
  let made: { readonly value: T } | undefined;
  return { constant, make: (frame) => (made ??= { value: make(frame) }).value };
}

export function listMaker(makers: readonly Maker[]): Maker {
  return maker(
    makers.every(({ constant }) => constant),
    (frame) => makers.map(({ make }) => make(frame)),
  );
}

/** `fromEntries` defines keys, so that a key "__proto__" stays a key. */
export function mapMaker(entries: readonly (readonly [string, Maker])[]): Maker {
  return maker(
    entries.every(([, { constant }]) => constant),
    (frame) => Object.fromEntries(entries.map(([key, { make }]) => [key, make(frame)])),
  );
}

export function textMaker(template: Template, fail: Fail): Maker<string> {
  return maker(isConstant(template), (frame) => textOf(template, frame, fail));
}

export function textOf(template: Template, names: Names, fail: Fail): string {
  return fillText(template, names, (message, next) => fail(template.at, message, next));
}

export function cidOf(template: Template, names: Names, fail: Fail): CID {
  const written = textOf(template, names, fail);
  try {
    return parseCid(written);
  } catch {
    return fail(template.at, `"${written}" is not a CID`);
  }
}

/** Data as it is; a text that is one name and nothing else takes the value's type. */
export function dataMaker(data: Data, fail: Fail): Maker {
  switch (data.kind) {
    case 'literal':
      return { constant: true, make: () => data.value };
    case 'template':
      return maker(isConstant(data.text), (frame) => fillValue(data.text, frame, (message, next) => fail(data.at, message, next)));
    case 'list':
      return listMaker(data.items.map((item) => dataMaker(item, fail)));
    case 'map':
      return mapMaker(data.entries.map(([key, value]) => [key, dataMaker(value, fail)]));
  }
}
