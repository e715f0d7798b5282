import { callApi } from './api.ts';
import type { Session } from './session.ts';

const RECORDS = /^KV_docket-([A-Za-z0-9_-]{1,64})-records$/;
/** Enough to see that one's own is mistyped. */
const MOST = 20;

/** Names of meshes that are kept at the server beside this one, in order, some of them if there are many. None where the right to ask is missing: it is asked for people only. */
export async function meshesAt(session: Session, own: string): Promise<readonly string[]> {
  try {
    const answer = await callApi<{ readonly streams?: readonly string[] | null }>(session, 'STREAM.NAMES', { subject: '$KV.>' });
    const streams = answer.tag === 'value' ? (answer.value.streams ?? []) : [];
    const names = streams.map((stream) => RECORDS.exec(stream)?.[1]).filter((name) => name !== undefined && name !== own);
    return (names as string[]).toSorted().slice(0, MOST);
  } catch {
    return [];
  }
}
