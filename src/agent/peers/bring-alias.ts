import { z } from 'zod';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { type Asked, HOPS } from '../../protocol/peers.ts';
import { askJson, invalid } from '../../store/agent-call.ts';
import type { Engine } from '../engine.ts';
import { aliasRecords } from '../resources/aliases.ts';
import { patienceAt } from './peer-holder.ts';
import type { MeshPeers, Told } from './mesh-peers.ts';
import type { Peer, Peers } from './peers.ts';

/**
 * Blobs by the CIDs that IPFS has for them, from peers.
 *
 * 1. A peer's answer is a hint and no more: the blob it names is brought here, and its name computed over the bytes. Only what comes out of that is filed.
 * 2. A name that does not follow from the bytes alone, since the file is cut up otherwise than by default, cannot be checked so, and is not taken from peers.
 * 3. All peers are asked at once, and what they say is tried in the order in which they were named, each blob once.
 */

interface Bringing extends Asked {
  /** Gets a blob here, from whom `hints` names if they have it. */
  readonly bring: (blob: Cid.CID, hints?: readonly string[]) => Promise<void>;
  /** Asked after the peers that were named. */
  readonly members: MeshPeers | undefined;
}

type Answer = { readonly url: string; readonly hints?: readonly string[] } & (
  | { readonly blob: Cid.CID | undefined }
  | { readonly error: unknown }
);

/** Undefined if no peer knows it, or what they say is not so. Throws `BLOB_UNREACHABLE` if one that does not answer may know. */
export async function bringAlias(
  engine: Engine,
  peers: Peers,
  name: Cid.CID,
  { bring, members, ...asked }: Bringing,
): Promise<Cid.CID | undefined> {
  const [all, told] = await Promise.all([peers.all(), members?.alias(name, asked.signal) ?? []]);
  const asking = all.map(async (peer): Promise<Answer> => {
    try {
      return { url: peer.url, blob: await saidBy(peer, name, asked) };
    } catch (error) {
      peers.failed(peer.url, error);
      return { url: peer.url, error };
    }
  });
  const failures: string[] = [];
  const tried = new Set<string>();
  const said: readonly Answer[] = [...(await Promise.all(asking)), ...told.map(answerOf)];
  for (const answer of said) {
    try {
      if ('error' in answer) throw answer.error;
      const { blob } = answer;
      if (blob === undefined || tried.has(blob.toString())) continue;
      tried.add(blob.toString());
      await bring(blob, answer.hints);
      if ((await aliasRecords(engine).name(blob)).equals(name)) return blob;
    } catch (error) {
      asked.signal.throwIfAborted();
      // It promised what nobody has.
      if (!isDocketError(error, 'BLOB_MISSING')) failures.push(`${answer.url}: ${(error as Error).message}`);
    }
  }
  if (failures.length === 0) return undefined;
  throw new DocketError('BLOB_UNREACHABLE', `${name} is not known here, and not every peer answered: ${failures.join('; ')}`);
}

function answerOf(told: Told<{ readonly blob: Cid.CID }>): Answer {
  return 'error' in told ? { url: told.from, error: told.error } : { url: told.from, hints: [told.from], blob: told.blob };
}

const Said = z.object({ blob: z.string().max(100) });

async function saidBy(peer: Peer, name: Cid.CID, { hops, signal }: Asked): Promise<Cid.CID | undefined> {
  if (peer.state.tag === 'down') throw peer.state.error;
  const door = { ...peer.door, headers: { [HOPS]: String(hops + 1) }, idle: patienceAt(hops), patience: patienceAt(hops) };
  let answer: unknown;
  try {
    answer = await askJson(door, { method: 'GET', path: `/v1/aliases/${name.toV1()}`, signal });
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING')) return undefined;
    throw error;
  }
  const { success, data } = Said.safeParse(answer);
  const blob = success ? parsed(data.blob) : undefined;
  if (blob === undefined) throw invalid(peer.url, `what it says ${name} to be is no blob`);
  return blob;
}

function parsed(text: string): Cid.CID | undefined {
  try {
    const cid = Cid.parse(text);
    return Cid.isStored(cid) && !Cid.isTree(cid) ? cid : undefined;
  } catch {
    return undefined;
  }
}
