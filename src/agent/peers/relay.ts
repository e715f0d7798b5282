import { DocketError, isDocketError } from '../../errors.ts';
import { MOST_HOPS, type RelayedReply, type RelayedRequest } from '../../protocol/peers.ts';
import { isAway, type Peers, type PresentPeer } from './peers.ts';
import { NotReached, type Relayer, relayTo } from './relay-request.ts';

/** What a peer answers that has not what was asked for; another may have it. */
const ABSENT: ReadonlySet<string | undefined> = new Set([
  'RUN_UNKNOWN',
  'BLOB_MISSING',
  'MANIFEST_UNKNOWN',
  'RECEIPT_UNKNOWN',
  'TASK_UNKNOWN',
]);

/**
 * Has the first peer answer that has the role, in the order they were named. The next is asked if one cannot be reached; or, where nothing was sent that
 * cannot be sent again, if it failed before it answered or says that it has not what was asked for. Throws `ROLE_UNFILLED`, `AGENT_TIMEOUT`,
 * `AGENT_UNREACHABLE`, `AGENT_INVALID`.
 */
export async function relay(peers: Peers, request: RelayedRequest, did: string): Promise<RelayedReply> {
  const { role, hops, body } = request;
  if (hops >= MOST_HOPS)
    throw new DocketError('ROLE_UNFILLED', `the request came through ${hops} agents, none of which is a ${role}`, {
      next: 'Look whether agents with --no-run or --no-store name each other as peers in a circle.',
    });
  const relayer: Relayer = { did, peers };
  const failures: { readonly url: string; readonly error: Error }[] = [];
  let absent: RelayedReply | undefined;
  for (const peer of await peers.withRole(role)) {
    let reply: RelayedReply;
    try {
      reply = await relayTo(peer, request, relayer);
    } catch (error) {
      if (error instanceof NotReached) {
        const away = new DocketError('AGENT_UNREACHABLE', `the agent at ${error.message}`);
        peers.failed(peer.url, away);
        failures.push({ url: peer.url, error: away });
        continue;
      }
      peers.failed(peer.url, error);
      if (body !== undefined || !isAway(error)) throw error;
      failures.push({ url: peer.url, error });
      continue;
    }
    if (body !== undefined || reply.status !== 404 || !ABSENT.has(reply.headers['docket-error'])) return reply;
    absent = await kept(reply, peer);
  }
  const all = await peers.all();
  // One that is away may have it.
  if (absent !== undefined && failures.length === 0 && !all.some(({ state }) => state.tag === 'down')) return absent;
  throw unfilled(role, failures, all);
}

/** A small reply, taken in so that its connection can go. */
async function kept({ status, headers, body }: RelayedReply, { url }: PresentPeer): Promise<RelayedReply> {
  if (body === undefined) return { status, headers };
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body()) {
    size += chunk.length;
    if (size > MOST_PROBLEM)
      throw new DocketError('AGENT_INVALID', `the agent at ${url} has more to say of what it has not than anybody wants to know`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return {
    status,
    headers,
    async *body() {
      yield bytes;
    },
  };
}

const MOST_PROBLEM = 2 ** 20;

function unfilled(
  role: string,
  failures: readonly { readonly url: string; readonly error: Error }[],
  all: Awaited<ReturnType<Peers['all']>>,
): DocketError {
  const why = failures.map(({ error }) => error.message);
  for (const { url, state } of all)
    if (state.tag === 'down' && !failures.some((failure) => failure.url === url))
      why.push(isDocketError(state.error) ? state.error.message : url);
  const reasons = why.length > 0 ? why.join('; ') : all.length === 0 ? 'it has no peers' : 'none of its peers is one';
  return new DocketError('ROLE_UNFILLED', `this agent is no ${role}, and nobody answers who is: ${reasons}`, { details: { role } });
}
