import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface Doubled {
  /** Keys under which something was computed. */
  readonly keys: number;
  /** Receipts under them beyond the first: work that was done once more. */
  readonly more: number;
  /** Keys, in hex, under which outputs differ. All work here is deterministic. */
  readonly differing: readonly string[];
}

/** Looks through the ledgers of homes that nobody uses now, for tasks that more than one agent computed. */
export function workDoneTwice(homes: readonly string[]): Doubled {
  const byKey = new Map<string, Map<string, string>>();
  for (const home of homes) {
    const database = new DatabaseSync(join(home, 'ledger.db'), { readOnly: true });
    const rows = database.prepare('SELECT m.key, m.out, r.cid FROM resolved m JOIN receipts r ON r.id = m.receipt').all();
    for (const { key, out, cid } of rows) {
      const receipts = byKey.get(hex(key)) ?? new Map<string, string>();
      byKey.set(hex(key), receipts.set(hex(cid), hex(out)));
    }
    database.close();
  }
  let more = 0;
  const differing: string[] = [];
  for (const [key, receipts] of byKey) {
    more += receipts.size - 1;
    if (new Set(receipts.values()).size > 1) differing.push(key);
  }
  return { keys: byKey.size, more, differing };
}

function hex(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString('hex');
}
