import type { Ipld } from '../../ipld/value.ts';
import { type Path, type Refusal, refusalOf } from './misfit.ts';
import type { WitType } from './model.ts';
import * as ToJs from './to-js.ts';
import type { Inward } from './values.ts';

/** Items of lists that are looked at before others get a turn: some milliseconds. */
const ITEMS_A_TURN = 5_000;

/** Items of a list that are still to be looked at. */
interface Rest {
  readonly element: WitType;
  readonly items: Iterator<readonly [part: string | number, value: Ipld]>;
  readonly path: Path;
}

/**
 * Whether a value is one of its type, as `toJs` says, bit by bit: whoever reads this may do something else whenever it yields. Undefined if it is. Lists that are
 * more than one turn takes are put off, and with them no more than those they lie in. `turn`: items of lists between two yields, default 5,000.
 */
export function* checkValue(
  type: WitType,
  value: Ipld,
  { subject = 'the value', bytesOf, turn = ITEMS_A_TURN }: Inward & { readonly turn?: number } = {},
): Generator<void, Refusal | undefined> {
  let left = turn;
  const rests: Rest[] = [];
  const walk: ToJs.Walk = {
    path: [],
    bytesOf,
    places: new Map(),
    defer(element, items, count) {
      if (count <= left) {
        left -= count;
        return false;
      }
      rests.push({ element, items: items[Symbol.iterator](), path: [...walk.path] });
      return true;
    },
  };
  try {
    ToJs.convert(type, value, walk);
    for (let rest = rests.at(-1); rest !== undefined; rest = rests.at(-1)) {
      if (left <= 0) {
        yield;
        left = turn;
      }
      const { done, value: item } = rest.items.next();
      if (done === true) {
        rests.pop();
        continue;
      }
      left--;
      walk.path.splice(0, walk.path.length, ...rest.path);
      ToJs.within(rest.element, item[1], item[0], walk);
    }
    return undefined;
  } catch (error) {
    return refusalOf(subject, type, error);
  }
}
