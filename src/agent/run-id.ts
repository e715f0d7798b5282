import { ulid } from 'ulid';
import type { Engine } from './engine.ts';

/** The id of a new run: ids sort by when the runs began. */
export function newRunId({ clock, random }: Pick<Engine, 'clock' | 'random'>): string {
  // By itself ULID would load WebCrypto for its random characters.
  return ulid(clock.now(), () => random.next() / 256);
}
