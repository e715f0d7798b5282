import { DocketError } from '../../errors.ts';
import { codeSection, dataCountSection, dataSection, elementSection, startSection } from './contents.ts';
import { customSection } from './custom-section.ts';
import {
  exportSection,
  functionSection,
  globalSection,
  importSection,
  memorySection,
  tableSection,
  tagSection,
  typeSection,
} from './declarations.ts';
import { type Draft, emptyDraft } from './draft.ts';
import { hex, malformed } from './fault.ts';
import { featureNames } from './feature.ts';
import type { FunctionType, ModuleInfo } from './model.ts';
import { Reader } from './reader.ts';

/** A section as it lies in the binary: `[start, end)` with its id and size, the contents begin at `contents`. */
export interface Section {
  readonly id: number;
  readonly start: number;
  readonly contents: number;
  readonly end: number;
}

export interface Scan {
  readonly info: ModuleInfo;
  /** Those with a meaning: known ones, and the first custom section `name`. A module may hold any number of others. */
  readonly sections: readonly Section[];
  /** Those of the type section, by index. */
  readonly types: readonly FunctionType[];
  /** Types of all functions, imported ones first. */
  readonly functions: readonly FunctionType[];
}

type SectionDecoder = (reader: Reader, draft: Draft) => void;

/** Known sections in the order they must come in, each at most once. */
const SECTIONS: readonly { readonly id: number; readonly name: string; readonly decode: SectionDecoder }[] = [
  { id: 1, name: 'type', decode: typeSection },
  { id: 2, name: 'import', decode: importSection },
  { id: 3, name: 'function', decode: functionSection },
  { id: 4, name: 'table', decode: tableSection },
  { id: 5, name: 'memory', decode: memorySection },
  { id: 13, name: 'tag', decode: tagSection },
  { id: 6, name: 'global', decode: globalSection },
  { id: 7, name: 'export', decode: exportSection },
  { id: 8, name: 'start', decode: startSection },
  { id: 9, name: 'element', decode: elementSection },
  { id: 12, name: 'data count', decode: dataCountSection },
  { id: 10, name: 'code', decode: codeSection },
  { id: 11, name: 'data', decode: dataSection },
];

/**
 * What a core module declares, after walking all of it. Throws `MODULE_INVALID`, naming what is wrong and at which byte, for
 * bytes that are not a module, features that are not let in (docs/sandbox.md lists them), and components.
 * Whether the code is well typed is not checked here: V8 does that, see `prepare`.
 */
export function inspect(bytes: Uint8Array): ModuleInfo {
  return scan(bytes).info;
}

/** `inspect` that also says where the sections lie, for rewriting. */
export function scan(bytes: Uint8Array): Scan {
  checkHeader(bytes);
  const reader = new Reader(bytes, 8, bytes.length);
  const draft = emptyDraft();
  const sections: Section[] = [];
  let next = 0;
  while (!reader.done) {
    const start = reader.at;
    const id = reader.u8('a section');
    const contents = reader.part('a section');
    const at = contents.at;
    if (id === 0) {
      if (customSection(contents, draft)) sections.push({ id, start, contents: at, end: contents.end });
      continue;
    }
    const rank = SECTIONS.findIndex((section) => section.id === id);
    const known = SECTIONS[rank];
    if (known === undefined) throw malformed(start, `section ${hex(id)} does not exist`);
    if (rank < next) throw malformed(start, `the ${known.name} section comes twice or too late`);
    next = rank + 1;
    known.decode(contents, draft);
    contents.finish(`the ${known.name} section`);
    sections.push({ id, start, contents: at, end: contents.end });
  }
  checkCounts(draft, bytes.length);
  return { info: toInfo(draft), sections, types: draft.types, functions: draft.functions };
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];

function checkHeader(bytes: Uint8Array): void {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw malformed(0, 'the first four bytes are not those of WebAssembly');
  const [version, high, layer, layerHigh] = bytes.subarray(4, 8);
  if (layer === 1 && layerHigh === 0) {
    throw new DocketError('MODULE_INVALID', 'this is a WebAssembly component, where a core module is needed', {
      next: 'Extensions, and what has them, are core modules: build it without making a component of it.',
      details: { offset: 4, component: true },
    });
  }
  if (version !== 1 || high !== 0 || layer !== 0 || layerHigh !== 0) throw malformed(4, 'the version is not 1');
}

function checkCounts(draft: Draft, end: number): void {
  if (draft.declared !== draft.bodies) throw malformed(end, `${draft.declared} functions are declared, ${draft.bodies} have a body`);
  if (draft.announced !== undefined && draft.announced !== draft.segments) {
    throw malformed(end, `${draft.announced} data segments are announced, ${draft.segments} are there`);
  }
}

function toInfo(draft: Draft): ModuleInfo {
  return {
    imports: draft.imports,
    exports: draft.exports,
    memory: draft.memory,
    tables: draft.tables,
    globals: draft.globals.length,
    functions: draft.declared,
    start: draft.start,
    hasComponentType: draft.hasComponentType,
    names: draft.names,
    features: featureNames(draft.features),
  };
}
