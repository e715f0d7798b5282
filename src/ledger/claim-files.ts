import { fstatSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_BYTES } from './claim-record.ts';
import { Lock } from './locks.ts';
import { isSuspended } from './suspended.ts';

/** Names of the file of claims and of the lock of who replaces it, in the folder of a home's locks. */
export const CLAIMS = 'claims';
export const REPLACING = 'replacing-claims';
const CLAIMANT = /^claimant-[0-9a-f]+$/;
const REPLACEMENT = /^claims-([0-9a-f]+)$/;

/** Held by a claimant as long as it lives. */
export function lockOf(folder: string, tag: string): string {
  return join(folder, `claimant-${hexOf(tag)}`);
}

/** What a claimant makes to take the place of the file of claims. */
export function replacementBy(folder: string, tag: string): string {
  return join(folder, `${CLAIMS}-${hexOf(tag)}`);
}

/** Whether the holder of the lock lives, and does not stand still. */
export function isActive(lock: string): boolean {
  return Lock.isHeld(lock) && !isSuspended(lock);
}

export function open(path: string): number {
  return openSync(path, 'a+', 0o600);
}

/** The whole records from `offset` to the end. */
export function readFrom(descriptor: number, offset: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - offset));
  const count = bytes.length === 0 ? 0 : readSync(descriptor, bytes, 0, bytes.length, offset);
  return bytes.subarray(0, count - (count % RECORD_BYTES));
}

/** Removes what killed claimants left, and the file if nobody who lives uses it. */
export function sweepClaims(folder: string): void {
  const files = readdirSync(folder);
  let isUsed = false;
  for (const file of files) {
    if (CLAIMANT.test(file) && !Lock.sweep(join(folder, file))) isUsed = true;
    const maker = REPLACEMENT.exec(file)?.[1];
    if (maker !== undefined && !Lock.isHeld(join(folder, `claimant-${maker}`))) rmSync(join(folder, file), { force: true });
  }
  if (files.includes(REPLACING)) Lock.sweep(join(folder, REPLACING));
  if (!isUsed && files.includes(CLAIMS)) rmSync(join(folder, CLAIMS), { force: true });
}

function hexOf(tag: string): string {
  return Buffer.from(tag, 'latin1').toString('hex');
}
