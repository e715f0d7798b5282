import { type Clock, systemClock } from '../base/clock.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { MESH_HEADER } from '../protocol/members.ts';
import type { EventView } from '../protocol/records.ts';
import { type AgentDoor, type Answer, callAgent } from '../store/agent-call.ts';
import { textLines } from '../store/text-lines.ts';
import { LONGEST_LINE } from './ask.ts';
import { isAway, lostRun } from './lost-run.ts';

/**
 * The events of a run as an agent tells them, until the run is over. Where the connection is cut, or the agent is started again, they go on where they were:
 * nothing is told twice, unless the agent that comes back knows less than we do. `cut` and `back` stand among them, which no agent tells: when it could not be reached
 * once more, with `{url, mesh}`, and when it answers again. (A connection alone may be cut by any proxy.)
 *
 * Throws what `callAgent` throws; once the agent could not be reached for half a minute, by `lostRun`.
 */
export async function* followEvents(
  door: AgentDoor,
  run: string,
  { after, signal }: { readonly after: number; readonly signal: AbortSignal },
): AsyncGenerator<EventView> {
  const { clock = systemClock } = door;
  let last = after;
  let reached = clock.monotonic();
  let mesh: string | undefined;
  let [failures, told]: [number, 'nothing' | 'cut' | 'back'] = [0, 'nothing'];
  for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, MOST_WAIT)) {
    let answered: number | undefined;
    try {
      const headers = { accept: 'text/event-stream', ...(last > 0 ? { 'last-event-id': String(last) } : {}) };
      const answer = await callAgent(door, { method: 'GET', path: `/v1/runs/${encodeURIComponent(run)}/events`, headers, signal });
      mesh = meshOf(answer) ?? mesh;
      failures = 0;
      answered = clock.monotonic();
      if (told === 'cut') yield { seq: last, kind: (told = 'back'), data: JSON.stringify({ url: door.url }) };
      for await (const event of parseEvents(textLines(door.url, answer.body, LONGEST_LINE))) {
        reached = clock.monotonic();
        wait = FIRST_WAIT;
        told = 'nothing';
        last = event.seq;
        yield event;
        if (isLast(event)) return;
      }
      throw new DocketError('AGENT_UNREACHABLE', `the agent at ${door.url} stopped telling of run ${run} before its end`);
    } catch (error) {
      signal.throwIfAborted();
      if (!isDocketError(error) || !isAway(error)) throw error;
      const now = clock.monotonic();
      // In a run that has nothing to tell for hours it was reached all the time; one that hangs up again and again was not.
      if (answered !== undefined && now - answered > PATIENCE) reached = now;
      if (now - reached > PATIENCE) throw lostRun(error, { run, url: door.url, mesh });
      if (++failures > 1 && told === 'nothing')
        yield { seq: last, kind: (told = 'cut'), data: JSON.stringify({ url: door.url, mesh: mesh ?? null }) };
    }
    await paused(clock, wait, signal);
  }
}

const FIRST_WAIT = 100;
const MOST_WAIT = 2_000;
const PATIENCE = 30_000;

function meshOf({ header }: Answer): string | undefined {
  const name = header(MESH_HEADER);
  try {
    return name === undefined ? undefined : decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** The last thing that is told of a run. */
function isLast({ kind }: EventView): boolean {
  return kind === 'ended' || kind === 'broken';
}

/**
 * What a task, named by its instruction, writes while it runs, or wrote: `stdout` and `stderr` with `{at, text}`, `gap`, `again`, and `ended` at last. A connection that
 * is cut ends it. Throws as `callAgent`, `TASK_UNKNOWN`.
 */
export async function* followTask(door: AgentDoor, instruction: CID, signal: AbortSignal): AsyncGenerator<EventView> {
  const headers = { accept: 'text/event-stream' };
  const answer = await callAgent(door, { method: 'GET', path: `/v1/tasks/${instruction}/logs?follow=true`, headers, signal });
  yield* parseEvents(textLines(door.url, answer.body, LONGEST_LINE));
}

/** Server-sent events; comments and fields that are not known are passed over, as their specification wants it. */
async function* parseEvents(lines: AsyncIterable<string>): AsyncGenerator<EventView> {
  let [seq, kind, data] = [0, 'message', ''];
  for await (const line of lines) {
    const [field, value] = fieldOf(line.replace(/\r$/, ''));
    if (field === 'id') seq = Number(value);
    else if (field === 'event') kind = value;
    else if (field === 'data') data = data === '' ? value : `${data}\n${value}`;
    else if (line === '' && data !== '') {
      yield { seq: Number.isSafeInteger(seq) ? seq : 0, kind, data };
      [kind, data] = ['message', ''];
    }
  }
}

/** Cut by hand: to a regular expression U+2028 ends a line, here it does not. */
function fieldOf(line: string): [field: string, value: string] {
  const at = line.indexOf(':');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
}

async function paused(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const stop = clock.after(ms, over.resolve);
  const abort = (): void => over.reject(signal.reason ?? new DocketError('CANCELLED', 'it was stopped'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    await over.promise;
  } finally {
    stop();
    signal.removeEventListener('abort', abort);
  }
}
