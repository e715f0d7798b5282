import { statfs } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Engine } from './engine.ts';
import { StoreSize } from './store-size.ts';
import { VERSION } from './version.ts';

/** Time between two looks how late the loop is, in ms. */
const LOOK = 500;
/** Seconds. */
const DELAY_BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Tells of the slots, the store and the process. What it gives ends that. */
export function agentMetrics(metrics: Metrics, engine: Pick<Engine, 'slots' | 'slotCount' | 'store' | 'paths' | 'clock'>): AsyncDisposable {
  const { slots, slotCount, store, paths, clock } = engine;
  using stack = new DisposableStack();
  const size = new StoreSize(store, clock);
  metrics.gauge({ name: 'docket_build_info', help: 'Always 1; its label tells the version.' }, () => [[{ version: VERSION }, 1]]);
  metrics.gauge(
    { name: 'docket_slots', help: 'Slots of this agent: busy ones are held by its runs, free ones are not, but other commands may.' },
    () => [
      [{ state: 'busy' }, slots.held],
      [{ state: 'free' }, Math.max(0, slotCount - slots.held)],
    ],
  );
  metrics.gauge({ name: 'docket_store_blobs', help: 'Blobs in the store when it was counted last.' }, () => only(size.read()?.blobs));
  metrics.gauge({ name: 'docket_store_bytes', help: 'Bytes of all blobs in the store when it was counted last.' }, () =>
    only(size.read()?.bytes),
  );
  metrics.gauge({ name: 'docket_disk_free_bytes', help: 'Bytes that may still be written where the home lies.' }, async () => {
    const disk = await statfs(paths.home).catch(() => undefined);
    return only(disk && disk.bavail * disk.bsize);
  });
  processMetrics(metrics, clock);
  stack.defer(watchLoop(metrics, clock));
  const timers = stack.move();
  return {
    async [Symbol.asyncDispose]() {
      timers.dispose();
      await size[Symbol.asyncDispose]();
    },
  };
}

function only(value: number | undefined): readonly (readonly [Record<string, string>, number])[] {
  return value === undefined ? [] : [[{}, value]];
}

/** Under the names that all programs use: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics. */
function processMetrics(metrics: Metrics, clock: Clock): void {
  const started = (clock.now() - process.uptime() * 1000) / 1000;
  metrics.gauge({ name: 'process_start_time_seconds', help: 'When the process began, in seconds since the epoch.' }, () => only(started));
  metrics.gauge({ name: 'process_resident_memory_bytes', help: 'Memory of the process, its slot processes not counted.' }, () =>
    only(process.memoryUsage.rss()),
  );
  metrics.countedBy({ name: 'process_cpu_seconds_total', help: 'Processor time of the process, its slot processes not counted.' }, () => {
    const { user, system } = process.cpuUsage();
    return only((user + system) / 1e6);
  });
}

/** A look now and then tells what any other timer would have met, and costs less than watching all the time. Gives what ends it. */
function watchLoop(metrics: Metrics, clock: Clock): () => void {
  const delay = metrics.histogram({ name: 'docket_event_loop_delay_seconds', help: 'How late timers fire.' }, DELAY_BOUNDS)();
  let cancel = (): void => {};
  const look = (): void => {
    const due = clock.monotonic() + LOOK;
    cancel = clock.after(LOOK, () => {
      delay.observe(Math.max(0, clock.monotonic() - due) / 1000);
      look();
    });
  };
  look();
  return () => cancel();
}
