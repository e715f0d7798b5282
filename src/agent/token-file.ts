import { randomBytes } from 'node:crypto';
import { loadOrCreate } from '../base/secret-file.ts';
import { DocketError } from '../errors.ts';

/** As much as nobody guesses, as letters that go into headers and URLs. */
const BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** The token of a home, which gives every right. Throws `HOME_UNUSABLE` if its file is open to others or damaged, or cannot be made. */
export async function loadOrCreateToken(path: string): Promise<string> {
  const refuse = (problem: string, next = 'Remove it to get a new token; clients need that one then.'): DocketError =>
    new DocketError('HOME_UNUSABLE', `the token file ${path} ${problem}`, { next });
  return await loadOrCreate(path, {
    make: () => `${randomBytes(BYTES).toString('base64url')}\n`,
    parse: (text) => {
      const token = text.trim();
      if (!TOKEN.test(token)) throw refuse('does not hold a token');
      return token;
    },
    refuse,
  });
}
