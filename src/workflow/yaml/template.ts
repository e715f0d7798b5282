import { Float, type Ipld, isMap } from '../../ipld/value.ts';
import { didYouMean, listNames } from '../../base/suggest.ts';
import type { Ref, Template } from './model.ts';
import type { Reader } from './reader.ts';

/** Which names a template may use where it stands. */
export interface Scope {
  readonly inputs: ReadonlySet<string>;
  /** Whether the task is made once per item of an `each`. */
  readonly items: boolean;
}

/** What the names stand for when a template is filled in. */
export interface Names {
  readonly inputs: ReadonlyMap<string, Ipld>;
  readonly item: Ipld | undefined;
  readonly index: number;
}

/** Reads `text`, which begins at offset `at`. `$${` stands for `${`; any other `$` for itself. */
export function parseTemplate(text: string, at: number, scope: Scope, reader: Reader): Template {
  if (!text.includes('${')) return { at, parts: [text] };
  const parts: (string | Ref)[] = [];
  let plain = '';
  let rest = text;
  for (;;) {
    const open = rest.indexOf('${');
    if (open === -1) break;
    if (rest[open - 1] === '$') {
      plain += `${rest.slice(0, open - 1)}\${`;
      rest = rest.slice(open + 2);
      continue;
    }
    const close = rest.indexOf('}', open);
    if (close === -1) {
      reader.problem(at, `"${text}" has a \${ without a }`, 'Close it, or write $${ for the two characters ${.');
      break;
    }
    plain += rest.slice(0, open);
    const ref = parseRef(rest.slice(open + 2, close).trim(), at, scope, reader);
    if (ref !== undefined) {
      if (plain !== '') parts.push(plain);
      parts.push(ref);
    }
    plain = '';
    rest = rest.slice(close + 1);
  }
  plain += rest;
  if (plain !== '' || parts.length === 0) parts.push(plain);
  return { at, parts };
}

function parseRef(name: string, at: number, scope: Scope, reader: Reader): Ref | undefined {
  const known = [
    ...(scope.items ? ['item', 'item.name', 'item.stem', 'index'] : []),
    ...[...scope.inputs].map((input) => `inputs.${input}`),
  ];
  if (name.startsWith('inputs.') && scope.inputs.has(name.slice('inputs.'.length)))
    return { kind: 'input', name: name.slice('inputs.'.length) };
  if (scope.items && name === 'index') return { kind: 'index' };
  if (scope.items && name === 'item') return { kind: 'item', key: undefined };
  if (scope.items && /^item\.[^.]+$/.test(name)) return { kind: 'item', key: name.slice('item.'.length) };
  const next = /^(item(\..*)?|index)$/.test(name)
    ? `\${${name}} needs a task with \`each\`.`
    : `Known names here: ${listNames(known)}. Write $\${ for the two characters \${.`;
  return reader.problem(at, `\${${name}} is not known here${didYouMean(name, known)}`, next);
}

export function isConstant({ parts }: Template): boolean {
  return parts.every((part) => typeof part === 'string' || part.kind === 'input');
}

/** The text if there is nothing to fill in. */
export function plainText({ parts }: Template): string | undefined {
  const [first, ...rest] = parts;
  return rest.length === 0 && typeof first === 'string' ? first : undefined;
}

/** Fills in a template as text. `fail` throws, with what is wrong. */
export function fillText({ parts }: Template, names: Names, fail: (message: string, next?: string) => never): string {
  let text = '';
  for (const part of parts) text += typeof part === 'string' ? part : asText(valueOf(part, names, fail), fail);
  return text;
}

/** As `fillText`, but a template that is one name and nothing else gives the value with its type. */
export function fillValue(template: Template, names: Names, fail: (message: string, next?: string) => never): Ipld {
  const [first, ...rest] = template.parts;
  return rest.length === 0 && first !== undefined && typeof first !== 'string'
    ? valueOf(first, names, fail)
    : fillText(template, names, fail);
}

function valueOf(ref: Ref, names: Names, fail: (message: string, next?: string) => never): Ipld {
  if (ref.kind === 'index') return names.index;
  const value = ref.kind === 'input' ? names.inputs.get(ref.name) : itemValue(names.item, ref.key);
  if (value !== undefined) return value;
  const keys = isMap(names.item) ? Object.keys(names.item) : typeof names.item === 'string' ? ['name', 'stem'] : [];
  const key = ref.kind === 'input' ? ref.name : (ref.key ?? '');
  return fail(`item ${names.index} has no key "${key}"${didYouMean(key, keys)}`, `Its keys: ${listNames(keys)}.`);
}

/** Items that are text, usually paths, have the keys `name` (last part of the path) and `stem` (that without its last extension). */
function itemValue(item: Ipld | undefined, key: string | undefined): Ipld | undefined {
  if (key === undefined) return item;
  if (isMap(item)) return Object.hasOwn(item, key) ? item[key] : undefined;
  if (typeof item !== 'string') return undefined;
  const name = item.slice(item.lastIndexOf('/') + 1);
  if (key === 'name') return name;
  return key === 'stem' ? name.replace(/(?<=.)\.[^.]*$/, '') : undefined;
}

function asText(value: Ipld, fail: (message: string, next?: string) => never): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Float) return String(value.value);
  return fail('the item is a map and cannot stand in text', 'Name one of its keys: ${item.key}.');
}
