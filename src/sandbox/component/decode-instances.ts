import { hex, malformed, refused } from '../module/fault.ts';
import type { Reader } from '../module/reader.ts';
import { list, readCoreSort, readReference, readExternName } from './decode-types.ts';
import type { CanonOptions, Definition, Named, TextEncoding } from './model.ts';

/** Instances and canonical functions of a component's binary. */

export function readCoreInstance(reader: Reader): Definition {
  const at = reader.at;
  const form = reader.u8('a core instance');
  if (form === 0) return { kind: 'core instantiate', module: reader.u32('a module'), args: list(reader, 'arguments', readCoreArgument) };
  if (form !== 1) throw malformed(at, `a core instance has the unknown form ${hex(form)}`);
  const item = (): Named => ({ name: reader.name('a name'), sort: readCoreSort(reader), index: reader.u32('an index') });
  return { kind: 'core bundle', items: list(reader, 'exports', item) };
}

function readCoreArgument(reader: Reader): { readonly name: string; readonly index: number } {
  const name = reader.name('a name');
  const at = reader.at;
  if (readCoreSort(reader) !== 'core instance') throw malformed(at, 'an argument of a core module is no instance');
  return { name, index: reader.u32('an index') };
}

export function readInstance(reader: Reader): Definition {
  const at = reader.at;
  const form = reader.u8('an instance');
  if (form === 0) {
    const argument = (): Named => ({ name: reader.name('a name'), ...readReference(reader) });
    return { kind: 'instantiate', component: reader.u32('a component'), args: list(reader, 'arguments', argument) };
  }
  if (form !== 1) throw malformed(at, `an instance has the unknown form ${hex(form)}`);
  return { kind: 'bundle', items: list(reader, 'exports', () => ({ name: readExternName(reader), ...readReference(reader) })) };
}

const RESOURCE_CANONS = { 0x02: 'resource.new', 0x03: 'resource.drop', 0x04: 'resource.rep' } as const;

export function readCanon(reader: Reader): Definition {
  const at = reader.at;
  const code = reader.u8('a canonical function');
  switch (code) {
    case 0x00:
      readZero(reader);
      return { kind: 'canon', op: 'lift', core: reader.u32('a core function'), options: readOptions(reader), type: reader.u32('a type') };
    case 0x01:
      readZero(reader);
      return { kind: 'canon', op: 'lower', func: reader.u32('a function'), options: readOptions(reader) };
    case 0x02:
    case 0x03:
    case 0x04:
      return { kind: 'canon', op: RESOURCE_CANONS[code], resource: reader.u32('a resource') };
    default:
      throw refused(at, 'asynchronous or threaded calls', `canonical function ${hex(code)}`);
  }
}

function readZero(reader: Reader): void {
  const at = reader.at;
  if (reader.u8('a canonical function') !== 0) throw malformed(at, 'a canonical function has an unknown form');
}

const ENCODINGS: readonly TextEncoding[] = ['utf8', 'utf16', 'latin1+utf16'];

function readOptions(reader: Reader): CanonOptions {
  const options: { -readonly [K in keyof CanonOptions]: CanonOptions[K] } = { text: 'utf8' };
  list(reader, 'options', () => {
    const at = reader.at;
    const code = reader.u8('an option');
    const encoding = ENCODINGS[code];
    if (encoding !== undefined) options.text = encoding;
    else if (code === 3) options.memory = reader.u32('a memory');
    else if (code === 4) options.realloc = reader.u32('a function');
    else if (code === 5) options.postReturn = reader.u32('a function');
    else throw refused(at, 'asynchronous calls', `option ${hex(code)}`);
  });
  return options;
}
