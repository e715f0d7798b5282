import { nuid } from '@nats-io/transport-node';
import { answerOf, ask } from './api.ts';
import type { Ask, Session } from './session.ts';

/** A write that may be made again: the server knows it by its id for two minutes, and answers as the first time. */
export interface Write {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export function onceOnly(subject: string, data: Uint8Array, headers: Readonly<Record<string, string>> = {}): Write {
  return { subject, data, headers: { 'Nats-Msg-Id': nuid.next(), ...headers } };
}

/** `stream`: for people. Sequence number under which it is durable; undefined if the server gave one of the known errors. Throws as `callApi`. */
export async function publishOne(
  session: Session,
  stream: string,
  write: Ask,
  known: readonly number[] = [],
  signal?: AbortSignal,
): Promise<number | undefined> {
  const [reply] = await ask(session, [write], signal);
  const answer = answerOf<{ seq: number }>(stream, reply, known);
  return answer.tag === 'value' ? answer.value.seq : undefined;
}

/** All at once; resolves when all are durable. */
export async function publishAll(session: Session, stream: string, writes: readonly Ask[], signal?: AbortSignal): Promise<void> {
  const replies = await ask(session, writes, signal);
  for (const reply of replies) answerOf(stream, reply, []);
}
