import { isDocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import { chooseVersion, newestFirst } from '../../manifest/version.ts';
import { decodeAliasAnswer, decodeModuleAnswer, encodeAliasQuestion, encodeModuleQuestion } from '../../protocol/mesh/holdings.ts';
import type { Refused } from '../../protocol/mesh/message.ts';
import type { Told, ToldModule } from '../peers/mesh-peers.ts';
import type { Surroundings } from './neighbors.ts';

/**
 * Which members know a name. What they say is a hint: the manifest, the module and the blob behind a name are fetched, and checked as `bringModule` and `bringAlias` check
 * what peers say.
 *
 * 1. A module's name is its teller's word, so only those are listened to whose word counts here. The one with the newest version is believed first.
 * 2. Everybody's silence is waited for `PATIENCE` ms, since who does not know says nothing; no longer than until `ENOUGH` have answered.
 */

const PATIENCE = 500;
/** Members that are gone to for one name. */
const ENOUGH = 8;

interface Naming extends Surroundings {
  /** Whether what a member says a module to be is taken. */
  readonly accepts: (did: string) => boolean;
}

export async function toldModules(around: Naming, reference: string, signal: AbortSignal): Promise<readonly Told<ToldModule>[]> {
  const told = await ask(around, encodeModuleQuestion(reference), { read: decodeModuleAnswer, signal, counts: around.accepts });
  const versions = told.flatMap((one) => ('error' in one ? [] : [one.version]));
  const best = chooseVersion(versions, undefined);
  const order = [...(best === undefined ? [] : [best]), ...newestFirst(versions)];
  const rank = (one: (typeof told)[number]): number => ('error' in one ? order.length : order.indexOf(one.version));
  // The same everywhere, whoever answered first.
  return told.toSorted((a, b) => rank(a) - rank(b) || (a.from < b.from ? -1 : 1));
}

export async function toldAliases(around: Naming, name: CID, signal: AbortSignal): Promise<readonly Told<{ readonly blob: CID }>[]> {
  return await ask(around, encodeAliasQuestion(name), { read: decodeAliasAnswer, signal, counts: () => true });
}

interface Reading<T> {
  readonly read: (bytes: Uint8Array) => T | Refused;
  readonly signal: AbortSignal;
  readonly counts: (did: string) => boolean;
}

async function ask<T extends object>(
  { mesh, neighbors }: Naming,
  question: Uint8Array,
  { read, signal, counts }: Reading<T>,
): Promise<readonly Told<T>[]> {
  const found = new Map<string, Told<T>>();
  if (neighbors.all().length === 0) return [];
  try {
    for await (const { from, answer } of mesh.messages.askAll(question, { patience: PATIENCE, signal })) {
      const told = read(answer);
      if ('refused' in told || !neighbors.has(from) || !counts(from)) continue;
      found.set(from, { from, ...told });
      if (found.size >= ENOUGH) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!isDocketError(error)) throw error;
    found.set('', { from: 'the mesh', error });
  }
  return [...found.values()];
}
