import { systemClock } from '../../src/base/clock.ts';
import { followEvents } from '../../src/sdk/follow-events.ts';
import type { FleetAgent } from './fleet.ts';

interface Watching {
  readonly run: string;
  /** Any agent to be asked now. */
  readonly pick: () => FleetAgent | undefined;
  /** Each event once, by its number. */
  readonly onEvent: (kind: string, data: string, by: FleetAgent) => void;
}

const AGAIN = 200;

/** Tells the events of a run as agents tell them, from one to the next as they fall, until the run has ended or it is aborted. */
export async function watchRun({ run, pick, onEvent }: Watching, signal: AbortSignal): Promise<void> {
  for (let last = 0; !signal.aborted;) {
    const agent = pick();
    using fallen = agent === undefined ? undefined : whenFallen(agent);
    try {
      if (agent !== undefined && fallen !== undefined) {
        const door = { url: agent.url, token: agent.token };
        for await (const { seq, kind, data } of followEvents(door, run, {
          after: last,
          signal: AbortSignal.any([signal, fallen.signal]),
        })) {
          // An agent that is cut off tells several under the number of the last that all know.
          last = Math.max(last, seq);
          onEvent(kind, data, agent);
          if (kind === 'ended') return;
        }
      }
    } catch {
      // It fell, or does not know of the run yet. Another is asked.
    }
    await new Promise<void>((resolve) => void systemClock.after(AGAIN, resolve));
  }
}

/** An agent that stands still answers nothing, and cuts nothing either. */
function whenFallen(agent: FleetAgent): Disposable & { readonly signal: AbortSignal } {
  const fallen = new AbortController();
  let stop = (): void => {};
  const look = (): void => {
    if (agent.state === 'up') stop = systemClock.after(AGAIN, look);
    else fallen.abort();
  };
  look();
  return { signal: fallen.signal, [Symbol.dispose]: () => stop() };
}
