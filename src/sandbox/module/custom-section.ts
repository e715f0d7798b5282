import { isDocketError } from '../../errors.ts';
import type { Draft } from './draft.ts';
import { Reader } from './reader.ts';

/** Reads the name of a custom section and what Docket wants of its contents; whether it is to be kept. Custom sections never make a module invalid, their names can. */
export function customSection(reader: Reader, draft: Draft): boolean {
  const name = reader.name('the name of a custom section');
  if (name.startsWith('component-type')) draft.hasComponentType = true;
  if (name !== 'name' || draft.named) return false;
  draft.named = true;
  draft.names = readNames(reader);
  return true;
}

const MODULE_NAME = 0;
const FUNCTION_NAMES = 1;

/** https://webassembly.github.io/spec/core/appendix/custom.html#name-section */
function readNames(section: Reader): Draft['names'] {
  const reader = new Reader(section.bytes, section.at, section.end);
  let module: string | undefined;
  let functions = 0;
  try {
    while (!reader.done) {
      const id = reader.u8('a part of the name section');
      const part = reader.part('a part of the name section');
      if (id === MODULE_NAME) module = part.name('the name of the module');
      if (id === FUNCTION_NAMES) functions = part.u32('the number of names');
    }
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    return undefined;
  }
  return module === undefined ? { functions } : { module, functions };
}
