import { DocketError } from '../../errors.ts';
import type { TableType } from './model.ts';

/** Entries that all tables of one module may hold together; at 8 to 16 bytes each in V8 they lie outside of its memory. */
const MOST_TABLE_ENTRIES = 1_048_576;

/**
 * A maximum for each table, so that together they stay within `MOST_TABLE_ENTRIES`. Every table keeps what it starts with; what
 * is left goes first to those that want little, and in equal shares to the rest. Throws `MODULE_INVALID` if they start with more.
 */
export function tableCaps(tables: readonly TableType[]): number[] {
  const initial = tables.reduce((sum, table) => sum + table.initial, 0);
  if (initial > MOST_TABLE_ENTRIES) {
    throw new DocketError('MODULE_INVALID', `the tables of the module start with ${initial} entries, ${MOST_TABLE_ENTRIES} are allowed`, {
      details: { initial, allowed: MOST_TABLE_ENTRIES },
    });
  }
  const caps = tables.map((table) => table.initial);
  const wants = tables
    .map((table, index) => ({ index, room: (table.maximum ?? Infinity) - table.initial }))
    .toSorted((a, b) => a.room - b.room || a.index - b.index);
  let left = MOST_TABLE_ENTRIES - initial;
  for (const [done, { index, room }] of wants.entries()) {
    const grant = Math.min(room, Math.floor(left / (wants.length - done)));
    caps[index] = (caps[index] as number) + grant;
    left -= grant;
  }
  return caps;
}
