import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { DocketError, systemCode } from '../errors.ts';

/** As much as nobody guesses, as letters that go into headers and URLs. */
const BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * The token of a home, which gives every right: made at first use, mode 0600. It appears at once and whole, and of processes that make it at a time one
 * wins. Throws `HOME_UNUSABLE` if it is open to others or damaged.
 */
export function loadOrCreateToken(path: string): string {
  return load(path) ?? create(path);
}

function load(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw unusable(path, (error as Error).message, error);
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw unusable(path, 'it is no file');
    if ((stats.mode & 0o077) !== 0) throw unusable(path, 'others may read or write it');
    const text = readFileSync(file, 'latin1').trim();
    if (!TOKEN.test(text)) throw unusable(path, 'it does not hold a token');
    return text;
  } finally {
    closeSync(file);
  }
}

function create(path: string): string {
  const own = `${path}-${randomUUID()}`;
  try {
    const file = openSync(own, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeSync(file, `${randomBytes(BYTES).toString('base64url')}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(own, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw unusable(path, (error as Error).message, error);
  } finally {
    rmSync(own, { force: true });
  }
  return load(path) ?? create(path);
}

function unusable(path: string, why: string, cause?: unknown): DocketError {
  return new DocketError('HOME_UNUSABLE', `the token file ${path} cannot be used: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    next: 'Remove it to get a new token; clients need that one then.',
  });
}
