import { clip } from '../module/fault.ts';
import type { WitCase, WitFunction, WitType } from './model.ts';

/** Characters of a type in a message, and of one that is shown for itself. */
const MOST_SHORT = 120;
const MOST_LONG = 4_000;

/**
 * A type as WIT writes it, on one line. Records, variants, enums and flags, which WIT only has by name, stand with what they are made of:
 * `record point { x: u32, y: u32 }`. Types can be very large written out, so the text is cut short, with `…`.
 */
export function typeText(type: WitType, most: number = MOST_LONG): string {
  const writer = new Writer(most);
  writer.type(type);
  return writer.text();
}

/** For messages. */
export function shortTypeText(type: WitType): string {
  return typeText(type, MOST_SHORT);
}

/** `name: func(a: u32, b: string) -> bool` */
export function functionText({ name, params, result, async }: WitFunction, most: number = MOST_LONG): string {
  const writer = new Writer(most);
  writer.add(`${clip(name)}: ${async === true ? 'async ' : ''}func(`);
  writer.list(params, (param) => writer.typed(param.name, param.type));
  writer.add(')');
  if (result !== undefined) {
    writer.add(' -> ');
    writer.type(result);
  }
  return writer.text();
}

/** Stops descending once it has written enough. */
class Writer {
  readonly #most: number;
  #text = '';

  constructor(most: number) {
    this.#most = most;
  }

  text(): string {
    return this.#full ? `${this.#text.slice(0, this.#most - 1)}…` : this.#text;
  }

  get #full(): boolean {
    return this.#text.length > this.#most;
  }

  add(text: string): void {
    this.#text += text;
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    for (const [i, item] of items.entries()) {
      if (this.#full) return;
      if (i > 0) this.add(', ');
      write(item);
    }
  }

  typed(name: string, type: WitType): void {
    this.add(`${name}: `);
    this.type(type);
  }

  type(type: WitType): void {
    if (this.#full) return;
    switch (type.kind) {
      case 'list':
        return this.#generic('list', [type.element]);
      case 'option':
        return this.#generic('option', [type.some]);
      case 'tuple':
        return this.#generic('tuple', type.types);
      case 'result':
        return this.#result(type.ok, type.err);
      case 'future':
      case 'stream':
        return type.element === undefined ? this.add(type.kind) : this.#generic(type.kind, [type.element]);
      case 'record':
        return this.#block(type.kind, type.name, type.fields, (field) => this.typed(field.name, field.type));
      case 'variant':
        return this.#block(type.kind, type.name, type.cases, (each) => this.#case(each));
      case 'enum':
      case 'flags':
        return this.#block(type.kind, type.name, type.names, (name) => this.add(name));
      case 'own':
      case 'borrow':
        return this.add(`${type.kind}<${clip(type.resource)}>`);
      case 'resource':
        return this.add(`resource ${clip(type.name)}`);
      case 'proposed':
        return this.add(type.text);
      default:
        return this.add(type.kind);
    }
  }

  #generic(name: string, types: readonly WitType[]): void {
    this.add(`${name}<`);
    this.list(types, (type) => this.type(type));
    this.add('>');
  }

  #result(ok: WitType | undefined, err: WitType | undefined): void {
    if (ok === undefined && err === undefined) return this.add('result');
    this.add('result<');
    if (ok === undefined) this.add('_');
    else this.type(ok);
    if (err !== undefined) {
      this.add(', ');
      this.type(err);
    }
    this.add('>');
  }

  #block<T>(kind: string, name: string | undefined, items: readonly T[], write: (item: T) => void): void {
    this.add(`${kind} ${name === undefined ? '' : `${clip(name)} `}{ `);
    this.list(items, write);
    this.add(' }');
  }

  #case({ name, type }: WitCase): void {
    this.add(name);
    if (type === undefined) return;
    this.add('(');
    this.type(type);
    this.add(')');
  }
}
