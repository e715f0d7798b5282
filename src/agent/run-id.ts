import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import type { Engine } from './engine.ts';

/** Random bytes drawn at a time: a call for each character costs more than the rest of a small job. By itself ULID would load WebCrypto for them. */
const DRAWN = 1024;
const random = { bytes: Buffer.alloc(0), used: 0 };

/** The id of a new run: ids sort by when the runs began. */
export function newRunId({ clock }: Pick<Engine, 'clock'>): string {
  return ulid(clock.now(), () => nextByte() / 256);
}

function nextByte(): number {
  if (random.used === random.bytes.length) Object.assign(random, { bytes: randomBytes(DRAWN), used: 0 });
  return random.bytes[random.used++]!;
}
