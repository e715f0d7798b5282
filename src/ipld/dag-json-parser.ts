import { base64 } from 'multiformats/bases/base64';
import { CID } from 'multiformats/cid';
import { DocketError } from '../errors.ts';
import { sortBytewise } from './key-order.ts';
import { type Lines } from './lines.ts';
import { float, integer, isList, isMap, MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, setKey, type Ipld, type IpldMap } from './value.ts';

/**
 * The reading half of `dag-json.ts`: a JSON reader of its own, because `JSON.parse` loses integers above 2^53, the difference of
 * 1 and 1.0, repeated keys and every position.
 */

/** Called for each list and map of the value with the offsets of its items, or of its keys. */
export type OnContainer = (container: object, offsets: readonly number[] | ReadonlyMap<string, number>) => void;

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Reads one document. One use only. */
export class Parser {
  readonly #text: string;
  readonly #lines: Lines;
  readonly #onContainer: OnContainer | undefined;
  readonly #number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
  #at = 0;

  constructor(text: string, lines: Lines, onContainer?: OnContainer) {
    this.#text = text;
    this.#lines = lines;
    this.#onContainer = onContainer;
  }

  document(): Ipld {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('the end');
    return value;
  }

  #invalid(problem: string, at: number): DocketError {
    return new DocketError('IPLD_INVALID', problem, { place: this.#lines.place(at) });
  }

  #unexpected(wanted: string): DocketError {
    const found = this.#text.codePointAt(this.#at);
    const what = found === undefined ? 'the end of the text' : JSON.stringify(String.fromCodePoint(found));
    return this.#invalid(`expected ${wanted}, found ${what}`, this.#at);
  }

  #skipSpace(): void {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== SPACE && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  /** Takes `token` if it comes next. */
  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #value(depth: number): Ipld {
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#map(depth);
      case '[':
        return this.#list(depth);
      case '"':
        return this.#string();
      case 't':
        if (this.#take('true')) return true;
        break;
      case 'f':
        if (this.#take('false')) return false;
        break;
      case 'n':
        if (this.#take('null')) return null;
        break;
      default:
        return this.#numeral();
    }
    throw this.#unexpected('a value');
  }

  #list(depth: number): Ipld {
    const start = this.#enter(depth);
    const list: Ipld[] = [];
    const offsets: number[] = [];
    this.#skipSpace();
    if (!this.#take(']')) {
      do {
        this.#skipSpace();
        offsets.push(this.#at);
        list.push(this.#value(depth + 1));
        this.#skipSpace();
      } while (this.#take(','));
      if (!this.#take(']')) throw this.#unexpected('"," or "]"');
    }
    this.#checkDepth(list, depth, start);
    this.#onContainer?.(list, offsets);
    return list;
  }

  #map(depth: number): Ipld {
    const start = this.#enter(depth);
    const map: { [key: string]: Ipld } = {};
    const offsets = new Map<string, number>();
    this.#skipSpace();
    if (!this.#take('}')) {
      do {
        this.#skipSpace();
        const at = this.#at;
        if (this.#text.charCodeAt(at) !== QUOTE) throw this.#unexpected('a key in double quotes');
        const key = this.#string();
        if (offsets.has(key)) throw this.#invalid(`the key ${JSON.stringify(key)} stands twice`, at);
        offsets.set(key, at);
        this.#skipSpace();
        if (!this.#take(':')) throw this.#unexpected('":"');
        setKey(map, key, this.#value(depth + 1));
        this.#skipSpace();
      } while (this.#take(','));
      if (!this.#take('}')) throw this.#unexpected('"," or "}"');
    }
    if (offsets.has('/')) {
      const special = this.#reserved(map, start);
      if (special !== undefined) return special;
    }
    this.#checkDepth(map, depth, start);
    this.#onContainer?.(map, offsets);
    return map;
  }

  /** Past the bracket. Two levels more than a value may have: a link or bytes at the deepest level are written as maps. */
  #enter(depth: number): number {
    if (depth >= MAX_DEPTH + 2) throw this.#tooDeep(this.#at);
    return this.#at++;
  }

  #checkDepth(container: Ipld, depth: number, start: number): void {
    if (depth + 1 < MAX_DEPTH) return;
    for (const child of Object.values(container as object) as Ipld[]) if (isList(child) || isMap(child)) throw this.#tooDeep(start);
  }

  #tooDeep(at: number): DocketError {
    return this.#invalid(`lists and maps nest more than ${MAX_DEPTH} deep`, at);
  }

  /** The link or the bytes that `map` stands for; undefined if it is a map like others. */
  #reserved(map: IpldMap, start: number): Uint8Array | CID | undefined {
    const keys = sortBytewise(Object.keys(map));
    if (keys[0] !== '/') return undefined;
    const value = map['/'];
    if (typeof value === 'string') {
      if (keys.length > 1) throw this.#invalid('a link may have no key but "/"', start);
      return this.#link(value, start);
    }
    if (!isMap(value)) return undefined;
    const innerKeys = sortBytewise(Object.keys(value));
    if (innerKeys[0] !== 'bytes' || typeof value.bytes !== 'string') return undefined;
    if (keys.length > 1 || innerKeys.length > 1) throw this.#invalid('bytes may have no keys but "/" and "bytes"', start);
    return this.#bytes(value.bytes, start);
  }

  #link(text: string, start: number): CID {
    try {
      return CID.parse(text);
    } catch {
      throw this.#invalid(`"${text.slice(0, 100)}" is not a CID`, start);
    }
  }

  #bytes(text: string, start: number): Uint8Array {
    try {
      const bytes = base64.baseDecode(text);
      if (base64.baseEncode(bytes) === text) return bytes;
    } catch {
      // Told below: what the decoder lets pass and what it does not are one error to a reader.
    }
    throw this.#invalid('bytes must be base64 without padding', start);
  }

  #numeral(): Ipld {
    const start = this.#at;
    this.#number.lastIndex = start;
    const match = this.#number.exec(this.#text);
    if (match === null) throw this.#unexpected('a value');
    this.#at += match[0].length;
    const [digits, fraction, exponent] = match;
    if (fraction === undefined && exponent === undefined) {
      if (digits.length < 16 && digits !== '-0') return Number(digits);
      const whole = wholeOf(digits);
      if (whole !== undefined) return whole;
    }
    const value = Number(digits);
    if (!Number.isFinite(value)) throw this.#invalid('a number is too large for a float', start);
    return float(value);
  }

  #string(): string {
    const start = this.#at++;
    let result = '';
    for (let from = this.#at; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE || code === BACKSLASH) {
        result += this.#text.slice(from, this.#at);
        if (code === QUOTE) break;
        result += this.#escape();
        from = this.#at + 1;
      } else if (code < SPACE) {
        throw this.#invalid('a control character must be escaped', this.#at);
      } else if (Number.isNaN(code)) {
        throw this.#invalid('a string has no end', start);
      }
    }
    this.#at++;
    if (!result.isWellFormed()) throw this.#invalid('a string holds a lone surrogate', start);
    return result;
  }

  /** From the backslash to the last character of the escape. */
  #escape(): string {
    const start = this.#at++;
    const letter = this.#text[this.#at] ?? '';
    const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (plain !== undefined) return plain;
    const hex = this.#text.slice(this.#at + 1, this.#at + 5);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#invalid('unknown escape', start);
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }
}

/** The integer, or undefined if only a float can hold it: beyond the range, and -0, as Homestar's parser has it. */
function wholeOf(digits: string): number | bigint | undefined {
  // Beyond 21 characters it is out of range anyway, and reading it exactly takes time quadratic in its length.
  if (digits === '-0' || digits.length > 21) return undefined;
  const value = BigInt(digits);
  return value > MAX_INTEGER || value < MIN_INTEGER ? undefined : integer(value);
}
