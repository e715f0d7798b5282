import assert from 'node:assert/strict';
import { Ledger } from '../../src/ledger/ledger.ts';
import { BlobReader } from '../../src/store/blob-reader.ts';
import { decodePlan } from '../../src/workflow/stored-plan.ts';
import { countBy, type Filed, type Place } from './helpers.ts';

/** What crash receipts say. */
export const CRASH = 'its coordinator ended while the task was with a runner';

/** Keeps account, from outside, of the attempts that each kill cut off. */
export class Account {
  readonly #place: Place;
  /** Attempts that ever stood in a journal, as `run index attempt`. */
  readonly #begun = new Set<string>();
  /** Crash receipts that are owed, by instruction. */
  readonly owed = new Map<string, number>();
  #before: readonly Filed[] = [];

  constructor(place: Place) {
    this.#place = place;
  }

  /** To be called before Docket starts. */
  open(): void {
    this.#before = this.#place.receipts();
  }

  /** To be called when Docket was killed: what began since `open` and has no receipt was in flight. */
  async close(): Promise<void> {
    const last = this.#before.at(-1)?.id ?? 0;
    const concluded = countBy(
      this.#place.receipts().filter(({ id, message }) => id > last && message !== CRASH),
      ({ instruction }) => instruction,
    );
    for (const [run, lines] of this.#place.journals()) {
      const fresh = lines.filter((line) => /^[0-9]/.test(line) && !this.#begun.has(`${run} ${line}`));
      for (const line of fresh) this.#begun.add(`${run} ${line}`);
      if (fresh.length === 0) continue;
      const instructions = await instructionsOf(this.#place, run);
      for (const [instruction, count] of countBy(fresh, (line) => instructions[Number(line.split(' ')[0])]!)) {
        const cutOff = count - (concluded.get(instruction) ?? 0);
        assert.ok(cutOff >= 0 && cutOff <= 1, `${cutOff} attempts of one task in flight`);
        this.owed.set(instruction, (this.owed.get(instruction) ?? 0) + cutOff);
      }
    }
    for (const receipt of this.#before)
      assert.ok(
        this.#place.receipts().some(({ cid }) => cid === receipt.cid),
        'a receipt is gone',
      );
  }
}

async function instructionsOf(place: Place, run: string): Promise<string[]> {
  await using ledger = await Ledger.open(place.paths.ledger);
  const reader = new BlobReader(place.paths.store, ledger.small);
  const plan = decodePlan(reader.readAll(ledger.run(run)!.plan!));
  return plan.tasks.map((task) => Buffer.from(task.instruction.bytes).toString('hex'));
}
