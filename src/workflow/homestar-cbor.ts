import { DocketError, isDocketError } from '../errors.ts';
import { census } from '../ipld/dag-cbor-census.ts';
import { decode } from '../ipld/dag-cbor.ts';
import type { Placed } from '../ipld/dag-json.ts';

/** Values of any kind in a workflow, map keys included: about 200,000 tasks. Each may be one byte of a file, and sixty in memory. */
const MOST_ITEMS = 8_000_000;

/** A workflow as DAG-CBOR; places are JSON pointers. Throws `WORKFLOW_SYNTAX`, `WORKFLOW_TOO_LARGE`. */
export function readCbor(bytes: Uint8Array, file: string): Placed {
  const place: Placed['place'] = (path) =>
    path.length === 0 ? { file } : { file, pointer: path.map((step) => `/${escaped(step)}`).join('') };
  try {
    const counted = census(bytes, MOST_ITEMS);
    if (counted !== undefined && counted.items > MOST_ITEMS)
      throw new DocketError('WORKFLOW_TOO_LARGE', `the workflow holds more than ${MOST_ITEMS} values`, {
        place: { file },
        next: 'Split it, or give what is large to its tasks as blobs.',
      });
    return { value: decode(bytes), place };
  } catch (cause) {
    if (!isDocketError(cause, 'IPLD_INVALID')) throw cause;
    throw new DocketError('WORKFLOW_SYNTAX', cause.message, { cause, place: { file }, next: 'Encode the workflow as DAG-CBOR.' });
  }
}

/** As RFC 6901 has it. */
function escaped(step: string | number): string {
  return String(step).replaceAll('~', '~0').replaceAll('/', '~1');
}
