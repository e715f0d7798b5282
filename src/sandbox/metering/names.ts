import { isDocketError } from '../../errors.ts';
import type { Reader } from '../module/reader.ts';
import { Output } from './output.ts';

/** Subsections of the module, of functions and of locals: all that stay right. */
const LAST_KEPT_NAMES = 2;

/** The name section of a module whose globals moved. One that cannot be read is dropped, nobody could. */
export function withoutGlobalNames(reader: Reader): Uint8Array | undefined {
  const out = new Output(reader.end - reader.at);
  try {
    const start = reader.at;
    reader.name('the name of a section');
    out.copy(reader.bytes, start, reader.at);
    while (!reader.done) {
      const part = reader.at;
      const id = reader.u8('a part of the name section');
      reader.part('a part of the name section');
      if (id <= LAST_KEPT_NAMES) out.copy(reader.bytes, part, reader.at);
    }
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    return undefined;
  }
  return out.view();
}
