import { copyOf } from './copy.ts';
import { answerOf, ask, jsonAsk, NO_MESSAGE } from './api.ts';
import type { Ask, Reply, Session } from './session.ts';
import type { StreamState } from './streams.ts';

/** A message as a stream keeps it. */
export interface Kept {
  readonly subject: string;
  readonly seq: number;
  /** When it was stored, in ms by the server's clock. */
  readonly time: number;
  readonly data: Uint8Array;
  /** What it says of itself in the header `KV-Operation`: records that were deleted leave such a mark. */
  readonly operation: string | undefined;
}

export type Selection =
  | { readonly last_by_subj: string }
  /** The first with that subject from that number on. */
  | { readonly next_by_subj: string; readonly seq: number };

interface StoredMessage {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly time: string;
    readonly data?: string;
    readonly hdrs?: string;
  };
}

/** Status in the header of a direct answer. */
const NOT_FOUND = 404;

/** Asks whoever leads the stream: what was written before is found, unless a leader that was cut off has not noticed yet. */
export async function getFromLeader(
  session: Session,
  stream: StreamState,
  selection: Selection,
  signal?: AbortSignal,
): Promise<Kept | undefined> {
  const [kept] = await getAllFromLeader(session, stream, [selection], signal);
  return kept;
}

export async function getAllFromLeader(
  session: Session,
  stream: StreamState,
  selections: readonly Selection[],
  signal?: AbortSignal,
): Promise<readonly (Kept | undefined)[]> {
  return await getAll(session, { ...stream, isDirect: false }, selections, signal);
}

/** All at once, from any copy of the stream if it allows that. Throws as `callApi`. */
export async function getAll(
  session: Session,
  stream: StreamState,
  selections: readonly Selection[],
  signal?: AbortSignal,
): Promise<readonly (Kept | undefined)[]> {
  const asks = selections.map((selection) => askFor(stream, selection));
  const replies = await ask(session, asks, signal);
  return replies.map((reply) => (stream.isDirect ? directOf(stream.name, reply) : storedOf(stream.name, reply)));
}

function askFor({ name, isDirect }: StreamState, selection: Selection): Ask {
  if (!isDirect) return jsonAsk(`$JS.API.STREAM.MSG.GET.${name}`, selection);
  if ('next_by_subj' in selection) return jsonAsk(`$JS.API.DIRECT.GET.${name}`, selection);
  return { subject: `$JS.API.DIRECT.GET.${name}.${selection.last_by_subj}`, data: new Uint8Array() };
}

/** The message itself, with where it lies in the headers. */
function directOf(name: string, reply: Reply): Kept | undefined {
  if (reply.tag === 'message') {
    const { headers, data } = reply.message;
    if (headers?.code === NOT_FOUND) return undefined;
    const seq = Number(headers?.get('Nats-Sequence'));
    const subject = headers?.get('Nats-Subject') ?? '';
    if (Number.isSafeInteger(seq) && seq > 0)
      return {
        subject,
        seq,
        time: timeOf(headers?.get('Nats-Time-Stamp')),
        data: copyOf(data),
        operation: headers?.get('KV-Operation') || undefined,
      };
  }
  // Tells what is the matter: this is no answer in JSON.
  answerOf(name, reply, []);
  return undefined;
}

function storedOf(name: string, reply: Reply): Kept | undefined {
  const answer = answerOf<StoredMessage>(name, reply, NO_MESSAGE);
  if (answer.tag === 'error') return undefined;
  const { subject, seq, time, data = '', hdrs = '' } = answer.value.message;
  const [, operation] = /^KV-Operation: *(.*?)\r$/m.exec(Buffer.from(hdrs, 'base64').toString()) ?? [];
  return { subject, seq, time: timeOf(time), data: new Uint8Array(Buffer.from(data, 'base64')), operation };
}

function timeOf(text: string | undefined): number {
  return Date.parse(text ?? '');
}
