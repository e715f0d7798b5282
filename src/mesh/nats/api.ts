import { DocketError } from '../../errors.ts';
import { Again } from './again.ts';
import type { Ask, Reply, Session } from './session.ts';

/**
 * JetStream's API: JSON in requests and answers, https://docs.nats.io/reference/reference-protocols/nats_api_reference. Docket speaks it itself rather than through
 * @nats-io/jetstream, since it asks for hundreds of messages at a time, and has to know after each loss of the link whether a stream is still the one it was.
 */

/**
 * Milliseconds for one answer, and for as many as are asked for at once, or for one that brings or takes many bytes. A stream whose leader is lost gives none until it
 * has another, some seconds later: whoever asks often then loses little.
 */
const ANSWER = 1_500;
const ANSWERS = 3_000;
/** Bytes of an ask that are many. */
const MANY = 64 * 1024;

interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** Numbers of errors, from nats-server's server/errors.json. */
const Code = {
  accountResources: 10002,
  notAvailable: 10008,
  noPeers: 10005,
  insufficientResources: 10023,
  limitsExceeded: 10028,
  messageNotFound: 10037,
  notEnabledForAccount: 10039,
  storageResources: 10047,
  messageTooLarge: 10054,
  nameInUse: 10058,
  streamNotFound: 10059,
  subjectsOverlap: 10065,
  wrongLastSequence: 10071,
  replicasWithoutCluster: 10074,
  notEnabled: 10076,
  storeFailed: 10077,
  offline: 10118,
  wrongLastSequenceConstant: 10164,
} as const;

const FULL: readonly number[] = [
  Code.accountResources,
  Code.insufficientResources,
  Code.limitsExceeded,
  Code.storageResources,
  // All that keeps a message from being stored: the limit of the stream, or of the disk.
  Code.storeFailed,
];
const PASSING: readonly number[] = [Code.notAvailable, Code.offline];
export const STREAM_NOT_FOUND: readonly number[] = [Code.streamNotFound];
/** Where two make the same stream at the same time, the second may be told that the subjects of the first, which is not there yet, are its own. */
export const NAME_IN_USE: readonly number[] = [Code.nameInUse, Code.subjectsOverlap];
export const TOO_FEW_SERVERS: readonly number[] = [Code.noPeers, Code.replicasWithoutCluster];
export const NO_MESSAGE: readonly number[] = [Code.messageNotFound];
export const WRONG_REVISION: readonly number[] = [Code.wrongLastSequence, Code.wrongLastSequenceConstant];

/** What the server answered: its JSON, or the number of an error that the caller knows what to do about. */
export type Answer<T> = { readonly tag: 'value'; readonly value: T } | { readonly tag: 'error'; readonly number: number };

const encoder = new TextEncoder();

export function jsonAsk(subject: string, body: unknown): Ask {
  return { subject, data: encoder.encode(JSON.stringify(body)) };
}

/** `subject` without `$JS.API.`. Throws `Again`, `MESH_REFUSED`, `MESH_FULL`, `MESH_NO_JETSTREAM`, `MESH_FAILED`, and the signal's reason. */
export async function callApi<T>(
  session: Session,
  subject: string,
  body: unknown,
  known: readonly number[] = [],
  signal?: AbortSignal,
): Promise<Answer<T>> {
  const [reply] = await ask(session, [jsonAsk(`$JS.API.${subject}`, body)], signal);
  return answerOf<T>(subject, reply, known);
}

/** As `session.call`; a session that is lost meanwhile is a reason to try again. */
export async function ask(session: Session, asks: readonly Ask[], signal?: AbortSignal): Promise<readonly Reply[]> {
  try {
    const isSmall = asks.length === 1 && asks[0]!.data.length < MANY;
    return await session.call(asks, isSmall ? ANSWER : ANSWERS, signal);
  } catch (error) {
    if (error === session.lost.reason) throw new Again(error as DocketError);
    throw error;
  }
}

/** What the answer in JSON to one ask is, from a stream or the API. `what`: the stream or subject, for people. */
export function answerOf<T>(what: string, reply: Reply | undefined, known: readonly number[]): Answer<T> {
  if (reply === undefined || reply.tag === 'silence')
    throw new Again(new DocketError('MESH_UNREACHABLE', `nats-server does not answer for ${what}`));
  if (reply.tag === 'refused') throw reply.error;
  // Nobody listens for a stream that is gone or has no leader, nor for the API while JetStream is off or starting.
  if (reply.tag === 'nobody')
    throw new Again(new DocketError('MESH_NO_JETSTREAM', `nobody answers for ${what}: JetStream is off there, or has no leader`), true);
  const value = parse(reply.message.data);
  const error = value?.['error'] as ApiError | undefined;
  if (value === undefined) throw new Again(new DocketError('MESH_FAILED', `what nats-server answered for ${what} is no JSON`));
  if (error === undefined) return { tag: 'value', value: value as T };
  const number = error.err_code ?? 0;
  if (known.includes(number)) return { tag: 'error', number };
  throw problemOf(what, number, error.description ?? `error ${error.code}`);
}

function problemOf(what: string, number: number, text: string): Error {
  const said = `${what}: nats-server says "${text}" (${number})`;
  if (FULL.includes(number)) return new DocketError('MESH_FULL', said);
  if (number === Code.notEnabled || number === Code.notEnabledForAccount) return new DocketError('MESH_NO_JETSTREAM', said);
  if (number === Code.messageTooLarge) return new DocketError('MESH_MESSAGE_TOO_LARGE', said);
  if (number === Code.subjectsOverlap) return new DocketError('MESH_STREAM_UNFIT', said);
  if (STREAM_NOT_FOUND.includes(number)) return new Again(new DocketError('MESH_FAILED', said), true);
  const failed = new DocketError('MESH_FAILED', said);
  return PASSING.includes(number) ? new Again(new DocketError('MESH_UNREACHABLE', said)) : failed;
}

function parse(data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
