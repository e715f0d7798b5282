import type { Place } from '../errors.ts';
import { type OnContainer, Parser } from './dag-json-parser.ts';
import { Lines } from './lines.ts';
import type { Ipld } from './value.ts';

/**
 * DAG-JSON (https://ipld.io/specs/codecs/dag-json/spec/) without loss, both ways. A number with a point or an exponent is a float,
 * so 1.0 and 1e3 are; one without is an integer from -2^64 to 2^64-1 and a float beyond, as is -0: that is how Homestar reads
 * `18446744073709552000`, and its CIDs depend on it. Reading takes any white space and key order; `encode` writes the
 * canonical form: no white space, keys sorted bytewise. All throw `IPLD_INVALID`, reading with the place.
 */
export { encode } from './dag-json-encode.ts';

type Path = readonly (string | number)[];

export interface Placed {
  readonly value: Ipld;
  /**
   * Where the value at `path` stands, map entries at their key. Where nothing does (a missing key), the place of the closest
   * container that is there.
   */
  readonly place: (path: Path) => Place;
}

interface DecodeOptions {
  /** Named in places. */
  readonly file?: string;
}

export function decode(text: string, options: DecodeOptions = {}): Ipld {
  return new Parser(text, new Lines(text, options.file)).document();
}

/** As `decode`, with the places of all values; they cost about as much memory as the value. */
export function decodeWithPlaces(text: string, options: DecodeOptions = {}): Placed {
  const lines = new Lines(text, options.file);
  const offsets = new Map<object, Parameters<OnContainer>[1]>();
  const value = new Parser(text, lines, (container, inside) => offsets.set(container, inside)).document();
  const root = text.search(/\S/);
  return {
    value,
    place: (path) => {
      let offset = root;
      let current: unknown = value;
      for (const step of path) {
        const inside = typeof current === 'object' && current !== null ? offsets.get(current) : undefined;
        const next = inside instanceof Map ? inside.get(String(step)) : (inside as readonly number[] | undefined)?.[Number(step)];
        if (next === undefined) break;
        offset = next;
        current = (current as Readonly<Record<string | number, unknown>>)[step];
      }
      return lines.place(offset);
    },
  };
}
