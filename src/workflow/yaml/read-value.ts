import { base64 } from 'multiformats/bases/base64';
import type { Branch } from '../model.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { Argument, Content, Data, FromContent } from './model.ts';
import type { Reader } from './reader.ts';
import type { MapNode, Node } from './source.ts';
import { parseTemplate, plainText, type Scope } from './template.ts';

/** Reads the VALUEs of the format: a text, or a map with one of these keys. */
const KINDS = ['file', 'dir', 'text', 'base64', 'cid', 'json', 'from', 'parts'] as const;
type Kind = (typeof KINDS)[number];

/** What may stand beside the key that names the kind. */
const OPTIONS: Readonly<Record<Kind, readonly string[]>> = {
  file: [],
  dir: ['include', 'exclude'],
  text: [],
  base64: [],
  cid: [],
  json: [],
  from: ['at', 'on'],
  parts: [],
};

const BRANCHES: Readonly<Record<string, Branch>> = { ok: 'await/ok', error: 'await/error', any: 'await/*' };

/** A VALUE where bytes are wanted: stdin, files. */
export function readContent(node: Node, what: string, scope: Scope, reader: Reader): Content | undefined {
  if (node.kind !== 'map') {
    const text = reader.text(node, what);
    return text === undefined ? undefined : { kind: 'text', at: node.at, text: parseTemplate(text, node.at, scope, reader) };
  }
  const kind = KINDS.find((name) => node.entries.has(name));
  if (kind !== undefined) return readKind(kind, node, what, scope, reader);
  const [key] = node.entries.keys();
  return reader.problem(
    node.at,
    `${what} must be text or a map with one of ${KINDS.join(', ')}${key === undefined ? '' : didYouMean(key, KINDS)}`,
  );
}

/** An argument of `wasm/run`: any data; a map whose keys are those of a VALUE is that VALUE. */
export function readArgument(node: Node, what: string, scope: Scope, reader: Reader): Argument | undefined {
  if (node.kind === 'list')
    return { kind: 'items', at: node.at, items: node.items.flatMap((item) => readArgument(item, what, scope, reader) ?? []) };
  if (node.kind === 'map') {
    const kind = KINDS.find(
      (name) => node.entries.has(name) && [...node.entries.keys()].every((key) => key === name || OPTIONS[name].includes(key)),
    );
    if (kind !== undefined) {
      const content = readKind(kind, node, what, scope, reader);
      return content?.kind === 'text' ? { kind: 'template', at: content.at, text: content.text } : content;
    }
    const entries = [...node.entries].flatMap(([key, { value }]) => {
      const argument = readArgument(value, what, scope, reader);
      return argument === undefined ? [] : [[key, argument] as const];
    });
    return { kind: 'fields', at: node.at, entries };
  }
  const data = readData(node, what, scope, reader);
  return data?.kind === 'template' || data?.kind === 'literal' ? data : undefined;
}

/** Data of any shape, with templates in its texts. */
export function readData(node: Node, what: string, scope: Scope, reader: Reader): Data | undefined {
  if (node.kind === 'list')
    return { kind: 'list', at: node.at, items: node.items.flatMap((item) => readData(item, what, scope, reader) ?? []) };
  if (node.kind === 'map') {
    const entries = [...node.entries].flatMap(([key, { value }]) => {
      const data = readData(value, what, scope, reader);
      return data === undefined ? [] : [[key, data] as const];
    });
    return { kind: 'map', at: node.at, entries };
  }
  if (typeof node.value === 'string') {
    const text = parseTemplate(node.value, node.at, scope, reader);
    const plain = plainText(text);
    return plain === undefined ? { kind: 'template', at: node.at, text } : { kind: 'literal', at: node.at, value: plain };
  }
  const value = reader.scalar(node, what);
  return value === undefined ? undefined : { kind: 'literal', at: node.at, value };
}

/** `{from, at, on}`. */
export function readFrom(map: MapNode, what: string, scope: Scope, reader: Reader): FromContent | undefined {
  reader.checkKeys(map, what, ['from', ...OPTIONS.from]);
  const from = reader.get(map, 'from');
  if (from === undefined) return reader.problem(map.at, `${what} must have "from", the name of a task`);
  const task = reader.text(from, `"from" of ${what}`);
  const at = reader.get(map, 'at');
  const on = reader.get(map, 'on');
  const branch = on === undefined ? 'ok' : reader.oneOf(on, `"on" of ${what}`, Object.keys(BRANCHES));
  const pointer = at === undefined ? undefined : readPointer(at, what, scope, reader);
  if (task === undefined || branch === undefined) return undefined;
  return { kind: 'from', at: map.at, task, taskAt: from.at, pointer, branch: BRANCHES[branch]! };
}

function readKind(kind: Kind, map: MapNode, what: string, scope: Scope, reader: Reader): Content | undefined {
  const { at } = map;
  if (kind === 'from') return readFrom(map, what, scope, reader);
  reader.checkKeys(map, `${what} with "${kind}"`, [kind, ...OPTIONS[kind]]);
  const node = reader.get(map, kind)!;
  if (kind === 'json') {
    const data = readData(node, what, scope, reader);
    return data === undefined ? undefined : { kind, at, data };
  }
  if (kind === 'parts') return { kind, at, pointer: readPointer(node, what, scope, reader) };
  const text = reader.text(node, `"${kind}" of ${what}`);
  if (text === undefined) return undefined;
  if (kind === 'base64') {
    const bytes = decodeBase64(text);
    return bytes === undefined ? reader.problem(node.at, `"base64" of ${what} is not base64`) : { kind: 'bytes', at, bytes };
  }
  const template = parseTemplate(text, node.at, scope, reader);
  if (kind === 'file') return { kind, at, path: template };
  if (kind === 'cid') return { kind, at, cid: template };
  if (kind === 'text') return { kind, at, text: template };
  const patterns = (key: 'include' | 'exclude') => {
    const list = reader.get(map, key);
    return list === undefined ? undefined : readTexts(list, `"${key}" of ${what}`, scope, reader);
  };
  return { kind, at, path: template, include: patterns('include'), exclude: patterns('exclude') };
}

/** A list of texts. */
export function readTexts(node: Node, what: string, scope: Scope, reader: Reader) {
  return (reader.list(node, what)?.items ?? []).flatMap((item, i) => {
    const text = reader.text(item, `${what}, item ${i + 1},`);
    return text === undefined ? [] : [parseTemplate(text, item.at, scope, reader)];
  });
}

function readPointer(node: Node, what: string, scope: Scope, reader: Reader) {
  const text = reader.text(node, `the pointer of ${what}`);
  if (text === undefined) return undefined;
  const next = 'A JSON pointer is empty or begins with a slash: /stdout, /files/out.json; in a name, / is written ~1 and ~ is written ~0.';
  if (text !== '' && !text.startsWith('/')) return reader.problem(node.at, `"${text}" is not a JSON pointer`, next);
  if (/~(?![01])/.test(text)) return reader.problem(node.at, `"${text}" is not a JSON pointer: ~ must be followed by 0 or 1`, next);
  return parseTemplate(text, node.at, scope, reader);
}

/** With or without padding; white space, as in a block of YAML, does not count. */
function decodeBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) return undefined;
  try {
    return base64.baseDecode(digits.replace(/=+$/, ''));
  } catch {
    return undefined;
  }
}
