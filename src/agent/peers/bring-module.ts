import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { parse } from '../../manifest/parse.ts';
import { nameKey, shownName } from '../../manifest/name.ts';
import { parseReference, type Reference } from '../../manifest/reference.ts';
import { canonicalVersion, chooseVersion } from '../../manifest/version.ts';
import type { Manifest } from '../../manifest/model.ts';
import { type Asked, HOPS } from '../../protocol/peers.ts';
import { type AgentDoor, callAgent, finish, invalid, textOf } from '../../store/agent-call.ts';
import type { Engine } from '../engine.ts';
import * as Modules from '../named-modules.ts';
import { patienceAt } from './peer-holder.ts';
import type { MeshPeers, Told, ToldModule } from './mesh-peers.ts';
import type { Peer, Peers } from './peers.ts';

/**
 * Modules by name, from peers. A name that is found at a peer is that peer's word, unless it was asked for by digest; what is bound is kept small:
 *
 * 1. What is here decides. Peers are asked only if nothing here is meant, so a name that is known here is never moved by a peer: `@latest` is the newest of
 *    the versions that are here.
 * 2. Peers are believed in the order they were named: the first of them that has what is meant decides, whatever later ones have. Behind them come those members of
 *    the mesh whose word counts here, the one with the newest version first.
 * 3. What is taken is a version like any other from then on: it never changes, and what was removed here does not come back by itself.
 * 4. What the module may do is said by this agent's own policy.
 */

interface Offer {
  readonly manifest: Manifest;
  readonly module: Cid.CID;
  readonly hints?: readonly string[];
}

interface Bringing extends Asked {
  /** Gets a blob here, from whom `hints` names if they have it. */
  readonly bring: (cid: Cid.CID, hints?: readonly string[]) => Promise<void>;
  /** Asked after the peers that were named. */
  readonly members: MeshPeers | undefined;
}

/** Leaves everything as it is if nobody has it. Throws `MANIFEST_UNREACHABLE`, `BLOB_UNREACHABLE`, `MANIFEST_EXISTS`, `MODULE_INVALID`. */
export async function bringModule(engine: Engine, peers: Peers, text: string, { bring, members, ...asked }: Bringing): Promise<void> {
  const reference = parseReference(text);
  if (isHere(engine, reference)) return;
  const [all, told] = await Promise.all([peers.all(), members?.module(text, asked.signal) ?? []]);
  const named = all.map(async (peer) => {
    try {
      return await offerOf(peer, text, reference, asked);
    } catch (error) {
      peers.failed(peer.url, error);
      return { url: peer.url, error };
    }
  });
  const found = told.map((member) => () => offerTold(engine, member, { text, reference, bring }));
  const failures: { readonly url: string; readonly error: unknown }[] = [];
  for (const answer of [...named.map((offer) => () => offer), ...found]) {
    const offer = await answer();
    if (offer === undefined) continue;
    if ('error' in offer) failures.push(offer);
    else if (!wasRemoved(engine, offer.manifest)) {
      await bring(offer.module, offer.hints);
      await Modules.push(engine, offer.manifest, offer.module);
      return;
    }
  }
  asked.signal.throwIfAborted();
  if (failures.length === 0) return;
  const why = failures.map(({ url, error }) => `${url}: ${(error as Error).message}`);
  throw new DocketError('MANIFEST_UNREACHABLE', `"${text}" is not here, and not every peer answered: ${why.join('; ')}`);
}

function isHere(engine: Engine, reference: Reference): boolean {
  try {
    Modules.findManifest(engine, reference);
    return true;
  } catch (error) {
    if (isDocketError(error, 'MANIFEST_UNKNOWN')) return false;
    throw error;
  }
}

function wasRemoved(engine: Engine, { namespace, name, version }: Manifest): boolean {
  return engine.ledger.manifest(nameKey(shownName(namespace, name)), canonicalVersion(version)!)?.isRemoved === true;
}

/** Undefined if the peer has nothing that is meant. */
async function offerOf(peer: Peer, text: string, reference: Reference, { hops, signal }: Asked): Promise<Offer | undefined> {
  if (peer.state.tag === 'down') throw peer.state.error;
  const door: AgentDoor = { ...peer.door, headers: { [HOPS]: String(hops + 1) }, idle: patienceAt(hops), patience: patienceAt(hops) };
  const path = (name: string): string => `/v1/storage/manifests/${encodeURIComponent(name)}`;
  try {
    const toml = await textOf(peer.url, await callAgent(door, { method: 'GET', path: path(text), signal }));
    const manifest = parse(toml, `the manifest from ${peer.url}`);
    const { namespace, name, version } = manifest;
    const shown = shownName(namespace, name);
    const head = await callAgent(door, { method: 'HEAD', path: `${path(shown)}/executable/${encodeURIComponent(version)}`, signal });
    await finish(head);
    const module = moduleOf(head.header('etag'));
    if (module === undefined || !isMeant(reference, { shown, version, toml, module }))
      throw invalid(peer.url, `it offers something else as "${text}"`);
    return { manifest, module };
  } catch (error) {
    if (isDocketError(error, 'MANIFEST_UNKNOWN')) return undefined;
    throw error;
  }
}

/** What a member told, its manifest fetched. Undefined if nobody has that after all. */
async function offerTold(
  engine: Engine,
  told: Told<ToldModule>,
  { text, reference, bring }: Pick<Bringing, 'bring'> & { readonly text: string; readonly reference: Reference },
): Promise<Offer | { readonly url: string; readonly error: unknown } | undefined> {
  const { from } = told;
  if ('error' in told) return { url: from, error: told.error };
  const hints = [from];
  try {
    await bring(told.manifest, hints);
    const toml = Buffer.from(await engine.store.read(told.manifest, { limit: MOST_MANIFEST })).toString();
    const manifest = parse(toml, `the manifest from ${from}`);
    const { namespace, name, version } = manifest;
    if (!isMeant(reference, { shown: shownName(namespace, name), version, toml, module: told.module }))
      throw invalid(from, `it offers something else as "${text}"`);
    return { manifest, module: told.module, hints };
  } catch (error) {
    return isDocketError(error, 'BLOB_MISSING') ? undefined : { url: from, error };
  }
}

/** Bytes. */
const MOST_MANIFEST = 2 ** 20;

function moduleOf(etag: string | undefined): Cid.CID | undefined {
  const [, text] = /^"(\w{1,100})"$/.exec(etag ?? '') ?? [];
  try {
    const cid = text === undefined ? undefined : Cid.parse(text);
    return cid !== undefined && Cid.isStored(cid) ? cid : undefined;
  } catch {
    return undefined;
  }
}

interface Found {
  readonly shown: string;
  readonly version: string;
  readonly toml: string;
  readonly module: Cid.CID;
}

function isMeant({ key, selector }: Reference, { shown, version, toml, module }: Found): boolean {
  if (nameKey(shown) !== key) return false;
  switch (selector.kind) {
    case 'latest':
      return true;
    case 'version':
      return chooseVersion([canonicalVersion(version)!], selector.version) !== undefined;
    case 'digest':
      return [module, Cid.ofBlob(Buffer.from(toml))].some((cid) => Cid.toSri(cid) === selector.sri);
  }
}
