import { clip, malformed } from '../../module/fault.ts';
import type { Reader } from '../../module/reader.ts';
import { jsName } from '../js-name.ts';
import type { Entity } from './entity.ts';

/**
 * Names of imports and exports: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#import-and-export-definitions.
 * They are ASCII without blanks, so they can be shown as they are.
 */

/** Before a name: plain, plain in older binaries, with attributes. */
const PLAIN = [0x00, 0x01];
const WITH_ATTRIBUTES = 0x02;
const IMPLEMENTS = 0x00;
const VERSION_SUFFIX = 0x01;
const EXTERNAL_ID = 0x02;
const MOST_ATTRIBUTES = 16;

export function externName(reader: Reader, what: string): string {
  const offset = reader.at;
  const form = reader.u8(what);
  if (!PLAIN.includes(form) && form !== WITH_ATTRIBUTES) throw malformed(offset, `${what} has a name of unknown form ${form}`);
  const name = reader.name(what);
  if (!/^[\x21-\x7e]+$/.test(name)) throw malformed(offset, `${what} is not a name`);
  if (form === WITH_ATTRIBUTES) attributes(reader, what);
  return name;
}

/** They say where a name comes from, not what it is called: read past. */
function attributes(reader: Reader, what: string): void {
  for (let left = reader.count(`attributes of ${what}`, MOST_ATTRIBUTES); left > 0; left--) {
    const offset = reader.at;
    const kind = reader.u8(`an attribute of ${what}`);
    if (![IMPLEMENTS, VERSION_SUFFIX, EXTERNAL_ID].includes(kind)) throw malformed(offset, `${what} has attribute ${kind}`);
    reader.name(`an attribute of ${what}`);
  }
}

/** Words of letters and digits joined by hyphens, each in one case. */
const LABEL = /^([a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(-([a-z0-9]+|[A-Z0-9]+))*$/;

/** Reads a label and checks that it is none of `taken`, as JavaScript sees them. */
export function label(reader: Reader, what: string, taken: Set<string>): string {
  const offset = reader.at;
  const name = reader.name(`the name of ${what}`);
  if (!LABEL.test(name)) throw malformed(offset, `the name of ${what}, ${JSON.stringify(clip(name))}, is not in kebab-case`);
  const key = jsName(name);
  if (taken.has(key)) throw malformed(offset, `two are named alike: ${what} ${JSON.stringify(clip(name))}`);
  taken.add(key);
  return name;
}

export function addNamed(items: Map<string, Entity>, name: string, entity: Entity, offset: number): void {
  if (items.has(name)) throw malformed(offset, `two items are named ${JSON.stringify(clip(name))}`);
  items.set(name, entity);
}
