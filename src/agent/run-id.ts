import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import type { Engine } from './engine.ts';

/** Random characters of a ULID. */
const CHARACTERS = 16;

/** The id of a new run: ids sort by when the runs began. */
export function newRunId({ clock }: Pick<Engine, 'clock'>): string {
  // All at once: asking for each costs more than the rest of a small job. By itself ULID would load WebCrypto for them.
  const random = randomBytes(CHARACTERS);
  let used = 0;
  return ulid(clock.now(), () => random[used++ % CHARACTERS]! / 256);
}
