import { listNames } from '../base/suggest.ts';
import { DocketError, isDocketError } from '../errors.ts';
import { publicKeyOf } from '../ipld/did-key.ts';
import type { Call } from './command.ts';

/** DIDs as people copy them from a table. */

/** The first four letters are the same of all. */
const SHORT = 12;
const METHOD = 'did:key:';

/** What tells agents apart. */
export function shortDid(did: string): string {
  const key = did.startsWith(METHOD) ? did.slice(METHOD.length) : did;
  return key.length > SHORT ? key.slice(0, SHORT) : key;
}

/**
 * The DID a word stands for: itself, or the only one that begins so among those `listed` and the members of the mesh of the agent that can be asked. A beginning
 * has at least the letters of `shortDid`: keys that share fewer are soon found by trying, and trust hangs on it. Hosts are no names here, since anybody can claim one.
 * Throws `DID_INVALID`.
 */
export async function wholeDid(call: Call, word: string, listed: () => Promise<readonly string[]>): Promise<string> {
  if (publicKeyOf(word) !== undefined) return word;
  const beginning = word.startsWith(METHOD) ? word : `${METHOD}${word}`;
  const shown = JSON.stringify(word.slice(0, 100));
  if (beginning.length < METHOD.length + SHORT || !/^did:key:z[1-9A-HJ-NP-Za-km-z]+$/.test(beginning))
    throw new DocketError('DID_INVALID', `${shown} is no did:key of an Ed25519 key, nor the first ${SHORT} letters or more of one`);
  const members = await membersAround(call);
  const found = [...new Set([...(await listed()), ...(members ?? [])])].filter((did) => did.startsWith(beginning));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length > 1)
    throw new DocketError('DID_INVALID', `the DIDs of ${found.length} agents begin with ${shown}`, {
      next: `Give more of it: ${listNames(found)}.`,
    });
  const where =
    members === undefined
      ? 'no agent that is listed here begins so, and there is no agent that could be asked for the members of a mesh'
      : 'neither an agent that is listed nor a member begins so';
  throw new DocketError('DID_INVALID', `${shown} is no whole DID, and ${where}`);
}

/** Undefined where there is no agent to ask. */
async function membersAround(call: Call): Promise<readonly string[] | undefined> {
  if (call.flag('local')) return undefined;
  const [{ agentDoor }, { askAround }] = await Promise.all([import('./agent-door.ts'), import('../sdk/members.ts')]);
  try {
    const { members } = await askAround(await agentDoor(call), call.signal);
    return members.map(({ did }) => did);
  } catch (error) {
    if (isDocketError(error, 'AGENT_UNREACHABLE')) return undefined;
    throw error;
  }
}
