import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import type { Engine } from './engine.ts';

/** For ULIDs, which by themselves would load WebCrypto for these 16 bytes. */
const randomFraction = (): number => randomBytes(1)[0]! / 256;

/** The id of a new run: ids sort by when the runs began. */
export function newRunId({ clock }: Pick<Engine, 'clock'>): string {
  return ulid(clock.now(), randomFraction);
}
