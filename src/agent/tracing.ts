import type { Metrics } from '../telemetry/metrics.ts';
import type { Collector } from '../telemetry/span-exporter.ts';
import type { Engine } from './engine.ts';
import type { RunWatch } from './run-watch.ts';
import { VERSION } from './version.ts';

/** Where traces of runs go. */
export interface Tracing {
  readonly collector: Collector;
  /** What the agent is called there. */
  readonly service: string;
}

interface Surroundings {
  readonly engine: Engine;
  readonly metrics: Metrics;
  /** Spans are sent until it is disposed. */
  readonly stack: AsyncDisposableStack;
}

/** Tells a collector of runs. What that takes is loaded here: most agents send nothing. */
export async function tracedTo({ collector, service }: Tracing, { engine, metrics, stack }: Surroundings): Promise<RunWatch> {
  const [{ SpanExporter }, { runTraces }] = await Promise.all([import('../telemetry/span-exporter.ts'), import('./run-traces.ts')]);
  const { clock } = engine;
  const exporter = stack.use(new SpanExporter({ collector, source: { service, version: VERSION }, clock, metrics }));
  return runTraces(exporter, clock);
}
