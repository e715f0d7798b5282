import { callApi } from './api.ts';
import type { Session } from './session.ts';

export interface TailStart {
  /** Subject, with or without wildcards. */
  readonly filter: string;
  /** From that number on, or the newest of each subject and then all that comes. */
  readonly from: number | 'newest-of-each';
  /** Without the data; default with. */
  readonly headersOnly?: boolean;
}

/** What the server says of a consumer that it made, in the API's words. */
export interface Made {
  readonly num_pending: number;
  readonly created: string;
}

/** Milliseconds between signs of life where nothing comes. */
const HEARTBEAT = 1_000;
/** Milliseconds after which the server forgets a consumer nobody listens to. */
const FORGOTTEN = 10_000;
const NANOSECONDS = 1_000_000;

/** One that pushes to `subject`, and that the server forgets by itself. Throws as `callApi`. */
export async function createConsumer(
  session: Session,
  stream: string,
  subject: string,
  { filter, from, headersOnly = false }: TailStart,
  signal: AbortSignal,
): Promise<Made> {
  const body = {
    stream_name: stream,
    config: {
      deliver_subject: subject,
      filter_subject: filter,
      ...(from === 'newest-of-each'
        ? { deliver_policy: 'last_per_subject' }
        : { deliver_policy: 'by_start_sequence', opt_start_seq: Math.max(1, from) }),
      ack_policy: 'none',
      max_deliver: 1,
      replay_policy: 'instant',
      headers_only: headersOnly,
      flow_control: true,
      idle_heartbeat: HEARTBEAT * NANOSECONDS,
      inactive_threshold: FORGOTTEN * NANOSECONDS,
      mem_storage: true,
      num_replicas: 1,
    },
  };
  const made = await callApi<Partial<Made>>(session, `CONSUMER.CREATE.${stream}`, body, [], signal);
  return { num_pending: 0, created: '', ...(made.tag === 'value' && made.value) };
}

interface Place {
  readonly seq: number;
  readonly number: number;
  readonly time: number;
  readonly pending: number;
}

/** `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQ.NUMBER.TIME.PENDING`, in newer servers with domain and account before the stream, and perhaps more behind. */
export function placeOf(reply: string): Place | undefined {
  const words = reply.split('.');
  const shift = words.length > 9 ? 2 : 0;
  const [seq, number, time, pending] = [5, 6, 7, 8].map((index) => Number(words[index + shift]));
  if (![seq, number, pending].every((each) => Number.isSafeInteger(each))) return undefined;
  return { seq: seq as number, number: number as number, time: (time as number) / NANOSECONDS, pending: pending as number };
}
