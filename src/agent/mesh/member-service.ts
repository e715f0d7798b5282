import { didYouMean, listNames } from '../../base/suggest.ts';
import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { MemberRow, MemberService, MeshView } from '../../protocol/members.ts';
import { decodeDrained, encodeDrain } from '../../protocol/mesh/drain.ts';
import type { Beat } from '../../protocol/mesh/member.ts';
import type { Drained } from '../drained.ts';
import type { Members } from './members.ts';

/** How long a member may take to make a drain durable, in ms. */
const PATIENCE = 5_000;

interface ServiceParts {
  readonly clock: Clock;
  readonly drained: Drained;
  /** This agent, as it would say it is. */
  readonly self: () => Beat;
  /** Undefined for an agent that is in no mesh. */
  readonly joined: { readonly mesh: Pick<Mesh, 'name' | 'link' | 'messages'>; readonly members: Members } | undefined;
}

/** Tells who is there, and drains. */
export function memberServiceOf({ clock, drained, self, joined }: ServiceParts): MemberService {
  const rowOfSelf = (): MemberRow => rowOf(self(), { isSelf: true, heard: 0 });
  const list = (): readonly MemberRow[] => {
    if (joined === undefined) return [rowOfSelf()];
    const now = clock.monotonic();
    const { members } = joined;
    const others = members.others().map(({ beat, heard }) => rowOf(beat, { isSelf: false, heard: now - heard }));
    const gone = members.goneLately().map(({ beat, heard, because }) => rowOf(beat, { isSelf: false, heard: now - heard, because }));
    return [rowOfSelf(), ...[...others, ...gone].toSorted(byName)];
  };
  return {
    mesh: () => (joined === undefined ? null : viewOf(joined.mesh, joined.members)),
    list,
    async drain(word, isDrained, signal) {
      const { did, host, tags, isSelf } = find(list(), word);
      const name = tags['name'] ?? null;
      if (isSelf || joined === undefined) await drained.set(isDrained);
      else {
        const answer = decodeDrained(await joined.mesh.messages.ask(did, encodeDrain({ isDrained }), { patience: PATIENCE, signal }));
        if ('refused' in answer || answer.isDrained !== isDrained)
          throw new DocketError('MESH_NO_ANSWER', `${name ?? host} (${did}) does not answer as a member does`);
      }
      return { did, host, name, isDrained };
    },
  };
}

function viewOf({ name, link }: Pick<Mesh, 'name' | 'link'>, { hasLeft }: Members): MeshView {
  if (hasLeft) return { name, link: 'left', error: 'another agent with the identity of this one was there before' };
  return { name, link: link.tag, error: link.tag === 'down' ? link.error.message : null };
}

function rowOf(
  beat: Beat,
  { isSelf, heard, because }: { readonly isSelf: boolean; readonly heard: number; readonly because?: string },
): MemberRow {
  const { did, incarnation, host, version, started, slots, memory, ops, grants = null, tags, roles, isDraining } = beat.view;
  const { free, room, waiting, load } = beat;
  const state = because === undefined ? (isDraining ? 'draining' : 'present') : 'gone';
  return {
    ...{ did, incarnation, isSelf, state, because: because ?? null, host, version, started: isoOf(started), slots, free, room, waiting },
    ...{ memory, ops, grants, tags, roles, load, heard: Math.round(heard) },
  };
}

/** Of a time that anybody may have said. */
function isoOf(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

function byName(a: MemberRow, b: MemberRow): number {
  if (a.host !== b.host) return a.host < b.host ? -1 : 1;
  return a.did < b.did ? -1 : 1;
}

/** Throws `MEMBER_UNKNOWN`. */
function find(rows: readonly MemberRow[], word: string): MemberRow {
  const present = rows.filter(({ state }) => state !== 'gone');
  const fits = ({ host, did, tags }: MemberRow): boolean =>
    host === word || tags['name'] === word || did.startsWith(word) || did.startsWith(`did:key:${word}`);
  const found = present.filter(({ did }) => did === word);
  const all = found.length > 0 ? found : present.filter(fits);
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  if (all.length > 1)
    throw new DocketError('MEMBER_UNKNOWN', `${all.length} agents are called ${JSON.stringify(word)}`, {
      next: `Give more of the DID: ${listNames(all.map(({ did }) => did))}.`,
    });
  const gone = rows.find((row) => row.state === 'gone' && fits(row));
  const hint =
    gone === undefined
      ? didYouMean(
          word,
          present.flatMap(({ host, tags }) => [host, ...(tags['name'] === undefined ? [] : [tags['name']])]),
        )
      : ': it is gone';
  throw new DocketError('MEMBER_UNKNOWN', `there is no agent ${JSON.stringify(word)}${hint}`);
}
