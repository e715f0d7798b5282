import type { ErrorCode } from '../../errors.ts';
import { float, integer, type Ipld } from '../../ipld/value.ts';
import type { Problems } from '../problems.ts';
import { didYouMean, listNames } from '../../base/suggest.ts';
import type { ListNode, MapNode, Node, ScalarNode, Source } from './source.ts';

/**
 * Reads typed values out of located nodes. A value of the wrong kind is noted as a problem and read as undefined, so that reading
 * goes on and finds the rest; nobody uses what was read once a problem was noted.
 */
export class Reader {
  readonly #source: Source;
  readonly #problems: Problems;

  constructor(source: Source, problems: Problems) {
    this.#source = source;
    this.#problems = problems;
  }

  /** Notes a problem; always gives undefined, for `return reader.problem(…)`. */
  problem(at: number, message: string, next?: string, code: ErrorCode = 'WORKFLOW_INVALID'): undefined {
    this.#problems.add({ code, message, place: this.#source.place(at), ...(next === undefined ? {} : { next }) });
  }

  map(node: Node, what: string): MapNode | undefined {
    return node.kind === 'map' ? node : this.#wrong(node, what, 'a map');
  }

  list(node: Node, what: string): ListNode | undefined {
    return node.kind === 'list' ? node : this.#wrong(node, what, 'a list');
  }

  text(node: Node, what: string): string | undefined {
    if (node.kind === 'scalar' && typeof node.value === 'string') return node.value;
    const next = node.kind === 'scalar' && node.source !== '' ? `Write "${node.source}" in quotes if you mean the text.` : undefined;
    return this.#wrong(node, what, 'text', next);
  }

  bool(node: Node, what: string): boolean | undefined {
    return node.kind === 'scalar' && typeof node.value === 'boolean' ? node.value : this.#wrong(node, what, 'true or false');
  }

  /** A whole number from `min` to `max`. */
  whole(node: Node, what: string, min: number, max: number): number | undefined {
    if (node.kind === 'scalar' && typeof node.value === 'bigint' && node.value >= min && node.value <= max) return Number(node.value);
    return this.#wrong(node, what, `a whole number from ${min} to ${max}`);
  }

  oneOf<T extends string>(node: Node, what: string, choices: readonly T[]): T | undefined {
    if (node.kind === 'scalar') {
      const found = choices.find((choice) => choice === node.value);
      if (found !== undefined) return found;
    }
    const hint = node.kind === 'scalar' ? didYouMean(String(node.value), choices) : '';
    return this.#wrong(node, what, `${choices.length === 1 ? '' : 'one of '}${choices.join(', ')}${hint}`);
  }

  /** Notes keys that are not `known`. */
  checkKeys(map: MapNode, what: string, known: readonly string[]): void {
    for (const [key, { keyAt }] of map.entries) {
      if (!known.includes(key))
        this.problem(keyAt, `${what} has no key "${key}"${didYouMean(key, known)}`, `Known keys: ${listNames(known)}.`);
    }
  }

  /** The value under `key`, or undefined if absent. */
  get(map: MapNode, key: string): Node | undefined {
    return map.entries.get(key)?.value;
  }

  /** A number, text, truth value or null as IPLD. */
  scalar(node: ScalarNode, what: string): Ipld | undefined {
    const { value } = node;
    if (typeof value === 'bigint') {
      if (value >= -(2n ** 64n) && value < 2n ** 64n) return integer(value);
      return this.problem(
        node.at,
        `${what} is an integer outside of 64 bits`,
        'Write it as a float (with a decimal point), or as text in quotes.',
      );
    }
    if (typeof value !== 'number') return value;
    return Number.isFinite(value) ? float(value) : this.problem(node.at, `${what} must be a finite number`);
  }

  #wrong(node: Node, what: string, wanted: string, next?: string): undefined {
    return this.problem(node.at, `${what} must be ${wanted}, not ${describe(node)}`, next);
  }
}

function describe(node: Node): string {
  if (node.kind !== 'scalar') return `a ${node.kind}`;
  if (node.value === null) return 'nothing (null)';
  if (typeof node.value === 'string') return node.value.length > 40 ? 'text' : `"${node.value}"`;
  return node.source === '' ? String(node.value) : node.source;
}
