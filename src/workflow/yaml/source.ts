import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node as YamlNode, parseDocument } from 'yaml';
import { DocketError, type Place } from '../../errors.ts';

/**
 * YAML text as a tree of located values: what the readers work on. Aliases are followed by sharing the node, so a value under an
 * anchor may be met twice; how many values that makes in all is bounded (`MAX_SHARED`), which stops alias bombs before anything
 * walks them.
 */
export type Node = MapNode | ListNode | ScalarNode;

interface Located {
  /** Offset in the text. */
  readonly at: number;
}

export interface MapNode extends Located {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
}

interface Entry {
  readonly keyAt: number;
  readonly value: Node;
}

export interface ListNode extends Located {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

/** Integers are `bigint`, floats `number`. */
export interface ScalarNode extends Located {
  readonly kind: 'scalar';
  readonly value: string | bigint | number | boolean | null;
  /** As written, if it was not a string. */
  readonly source: string;
}

export interface Source {
  readonly root: Node;
  place(at: number): Place;
}

/** Ten seconds and a gigabyte for the parser; 20,000 tasks written out are not half of it. */
const MAX_CHARACTERS = 8 * 2 ** 20;
/** Values an author may add through aliases. */
const MAX_SHARED = 100_000;
const MAX_DEPTH = 200;
const TOO_DEEP = 'the values are nested too deeply';

/** Throws `WORKFLOW_SYNTAX` for text that is not YAML, duplicate keys, unknown tags and alias bombs; `WORKFLOW_TOO_LARGE` above 8 Mi characters. */
export function parse(text: string, file: string): Source {
  if (text.length > MAX_CHARACTERS) {
    throw new DocketError('WORKFLOW_TOO_LARGE', `the file has more than ${MAX_CHARACTERS} characters`, {
      place: { file, line: 1, column: 1 },
    });
  }
  const lines = new LineCounter();
  const place = (at: number): Place => {
    const { line, col } = lines.linePos(Math.min(at, text.length));
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const document = compose(text, lines, place);
  if (document.contents === null) throw syntax('the workflow file is empty', place(0));
  return { root: new Converter(place).convert(document.contents), place };
}

function compose(text: string, lines: LineCounter, place: (at: number) => Place): Document.Parsed {
  let document: Document.Parsed;
  try {
    // Duplicate keys are found by the converter: the library compares every pair.
    document = parseDocument(text, {
      lineCounter: lines,
      intAsBigInt: true,
      uniqueKeys: false,
      prettyErrors: false,
      schema: 'core',
      version: '1.2',
      merge: false,
    });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw syntax(TOO_DEEP, place(0), { cause });
  }
  const [problem] = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (problem !== undefined) {
    if (problem.code === 'RESOURCE_EXHAUSTION') throw syntax(TOO_DEEP, place(problem.pos[0]), { cause: problem });
    const next = problem.code === 'TAB_AS_INDENT' ? 'Indent with spaces; YAML does not allow tabs.' : undefined;
    throw syntax(problem.message, place(problem.pos[0]), { cause: problem, ...(next === undefined ? {} : { next }) });
  }
  return document;
}

class Converter {
  readonly #place: (at: number) => Place;
  /** By name, the last one met: a later anchor of the same name replaces an earlier. Undefined while its own value is read. */
  readonly #anchors = new Map<string, { readonly node: Node; readonly weight: number } | undefined>();
  /** Values converted so far, each alias counted with all it stands for. */
  #weight = 0;
  #shared = 0;

  constructor(place: (at: number) => Place) {
    this.#place = place;
  }

  convert(node: unknown, depth = 0, fallback = 0): Node {
    const at = (node as YamlNode | null)?.range?.[0] ?? fallback;
    if (depth > MAX_DEPTH) throw syntax(TOO_DEEP, this.#place(at));
    if (isAlias(node)) return this.#alias(node.source, at);
    const before = this.#weight++;
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, undefined);
    const converted = this.#plain(node, depth, at);
    if (anchor !== undefined) this.#anchors.set(anchor, { node: converted, weight: this.#weight - before });
    return converted;
  }

  #plain(node: unknown, depth: number, at: number): Node {
    if (node === null || node === undefined) return { kind: 'scalar', at, value: null, source: '' };
    if (isScalar(node)) return this.#scalar(node.value, node.source ?? '', at);
    if (isSeq(node)) return { kind: 'list', at, items: node.items.map((item) => this.convert(item, depth + 1, at)) };
    if (!isMap(node)) throw syntax('this kind of value is not allowed', this.#place(at));
    const entries = new Map<string, Entry>();
    for (const { key, value } of node.items) {
      const keyAt = (key as YamlNode | null)?.range?.[0] ?? at;
      if (!isScalar(key)) throw syntax('a key must be plain text', this.#place(keyAt));
      const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
      const twin = entries.get(name);
      if (twin !== undefined)
        throw syntax(`the key "${name}" stands twice in one map, first at line ${this.#place(twin.keyAt).line}`, this.#place(keyAt));
      entries.set(name, { keyAt, value: this.convert(value, depth + 1, keyAt) });
    }
    return { kind: 'map', at, entries };
  }

  #scalar(value: unknown, source: string, at: number): ScalarNode {
    if (
      value === null ||
      typeof value === 'string' ||
      typeof value === 'bigint' ||
      typeof value === 'number' ||
      typeof value === 'boolean'
    ) {
      return { kind: 'scalar', at, value, source };
    }
    throw syntax('this kind of value is not allowed', this.#place(at));
  }

  #alias(name: string, at: number): Node {
    const anchored = this.#anchors.get(name);
    if (anchored === undefined) {
      const message = this.#anchors.has(name)
        ? `the alias "${name}" stands inside of its own anchor`
        : `there is no anchor "${name}" before this`;
      throw syntax(message, this.#place(at));
    }
    this.#weight += anchored.weight;
    this.#shared += anchored.weight;
    if (this.#shared > MAX_SHARED) throw syntax(`the aliases of this file stand for more than ${MAX_SHARED} values`, this.#place(at));
    return anchored.node;
  }
}

function syntax(message: string, place: Place, options: { cause?: unknown; next?: string } = {}): DocketError {
  return new DocketError('WORKFLOW_SYNTAX', message, { ...options, place });
}
