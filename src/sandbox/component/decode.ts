import { malformed, refused } from '../module/fault.ts';
import { Reader } from '../module/reader.ts';
import { isComponent } from '../wit/world.ts';
import { readCanon, readCoreInstance, readInstance } from './decode-instances.ts';
import { ANY, readAlias, readCoreType, readDescription, readExternName, readReference, readTypeDefinition } from './decode-types.ts';
import type { ComponentDefinition, Definition } from './model.ts';

/** Components inside of components. Tools make three levels at most. */
const MOST_NESTED = 16;

/** Bytes of a component beside its core modules, each of which may become an object of many more. */
const MOST_DEFINING = 4 << 20;

/**
 * Reads all of a component but its core modules, which are left as they are. Throws `MODULE_INVALID`, which says what is wrong and at which
 * byte; so for what is not run: asynchronous functions, values, imported modules.
 */
export function decodeComponent(bytes: Uint8Array): ComponentDefinition {
  return readComponent(new Reader(bytes, 0, bytes.length), 0, { left: MOST_DEFINING });
}

interface Budget {
  left: number;
}

function readComponent(reader: Reader, depth: number, budget: Budget): ComponentDefinition {
  const start = reader.at;
  const preamble = reader.bytes.subarray(start, Math.min(start + 8, reader.end));
  if (!isComponent(preamble)) throw malformed(start, 'this is no component');
  if (preamble[4] !== 0x0d || preamble[5] !== 0) throw malformed(start + 4, 'the component has another version than 13');
  if (depth > MOST_NESTED) throw malformed(start, `components are nested more than ${MOST_NESTED} deep`);
  reader.skip(8, 'the preamble of a component');
  const definitions: Definition[] = [];
  while (!reader.done) {
    const at = reader.at;
    const id = reader.u8('a section');
    readSection(id, reader.part('a section'), { at, depth, budget }, definitions);
  }
  return { definitions };
}

const SECTIONS: Readonly<Record<number, { readonly name: string; readonly read: (reader: Reader) => Definition }>> = {
  2: { name: 'core instances', read: readCoreInstance },
  3: { name: 'core types', read: readCoreType },
  5: { name: 'instances', read: readInstance },
  6: { name: 'aliases', read: readAlias },
  7: { name: 'types', read: (reader) => ({ kind: 'type', type: readTypeDefinition(reader) }) },
  8: { name: 'canonical functions', read: readCanon },
  10: { name: 'imports', read: readImport },
  11: { name: 'exports', read: readExport },
};

interface Place {
  readonly at: number;
  readonly depth: number;
  readonly budget: Budget;
}

function readSection(id: number, section: Reader, { at, depth, budget }: Place, into: Definition[]): void {
  if (id === 0) return void section.name('the name of a custom section');
  if (id === 1) return void into.push({ kind: 'core module', bytes: section.bytes.subarray(section.at, section.end) });
  if (id === 4) return void into.push({ kind: 'component', component: readComponent(section, depth + 1, budget) });
  if (id === 9) throw refused(at, 'a start function of a component', 'only its core modules may have one');
  if (id === 12) throw refused(at, 'values', 'they cannot be given to a component');
  const known = SECTIONS[id];
  if (known === undefined) throw malformed(at, `section ${id} does not exist`);
  budget.left -= section.end - section.at;
  if (budget.left < 0) throw malformed(at, `the component has more than ${MOST_DEFINING} bytes beside its core modules`);
  for (let left = section.count(known.name, ANY); left > 0; left--) into.push(known.read(section));
  section.finish(`the section of ${known.name}`);
}

function readImport(reader: Reader): Definition {
  return { kind: 'import', name: readExternName(reader), description: readDescription(reader) };
}

/** What an export is declared to be (the last part) says nothing that what it refers to does not. */
function readExport(reader: Reader): Definition {
  const name = readExternName(reader);
  const reference = readReference(reader);
  const at = reader.at;
  const ascribed = reader.u8('whether an export is declared');
  if (ascribed > 1) throw malformed(at, 'an export is neither declared nor not');
  if (ascribed === 1) readDescription(reader);
  return { kind: 'export', name, ...reference };
}
