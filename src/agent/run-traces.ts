import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { RunEvent } from '../scheduler/events.ts';
import type { Span } from '../telemetry/span.ts';
import type { SpanExporter } from '../telemetry/span-exporter.ts';
import { parseTraceparent, type TraceParent } from '../telemetry/traceparent.ts';
import type { RunEnd, RunObserver, RunStart, RunWatch } from './run-watch.ts';

/** A run as a trace, or as a part of the trace of who asked for it; its tasks as spans. One that those before us do not keep is not told of. */
export function runTraces(exporter: Pick<SpanExporter, 'add'>, clock: Clock): RunWatch {
  return (start) => {
    const parent = parseTraceparent(start.traceparent);
    return parent?.isSampled === false ? NOBODY : new RunTrace(start, parent, { exporter, clock });
  };
}

const NOBODY: RunObserver = { begun: () => {}, event: () => {}, driven: () => {}, ended: () => {} };

interface Tools {
  readonly exporter: Pick<SpanExporter, 'add'>;
  readonly clock: Clock;
}

class RunTrace implements RunObserver {
  readonly #start: RunStart;
  readonly #tools: Tools;
  readonly #trace: string;
  readonly #parent: string | undefined;
  readonly #id = randomHex(8);
  /** Wall time less the monotonic one, in ms: spans of one trace are measured with one clock that nobody sets. */
  readonly #offset: number;
  readonly #began: number;
  readonly #tasks = new Map<number, { readonly began: number; readonly attempts: number }>();
  #run = '';

  constructor(start: RunStart, parent: TraceParent | undefined, tools: Tools) {
    this.#start = start;
    this.#tools = tools;
    this.#trace = parent?.trace ?? randomHex(16);
    this.#parent = parent?.span;
    this.#offset = tools.clock.now() - tools.clock.monotonic();
    this.#began = this.#now();
  }

  readonly begun = (run: string): void => {
    this.#run = run;
  };

  readonly driven = (): void => {};

  readonly event = (event: RunEvent): void => {
    if (event.kind === 'started') {
      const began = this.#tasks.get(event.task)?.began ?? this.#now();
      this.#tasks.set(event.task, { began, attempts: event.attempt });
    } else if (event.kind === 'settled') {
      const known = this.#tasks.get(event.task);
      this.#tasks.delete(event.task);
      this.#tools.exporter.add(() => this.#taskSpan(event, known));
    }
  };

  readonly ended = (how: RunEnd): void => {
    const { plan, kind } = this.#start;
    this.#tools.exporter.add(
      () => ({
        trace: this.#trace,
        id: this.#id,
        ...(this.#parent === undefined ? {} : { parent: this.#parent }),
        name: `${kind} ${plan.name}`,
        start: this.#began,
        end: this.#now(),
        attributes: {
          'docket.run': this.#run,
          'docket.kind': kind,
          'docket.workflow': plan.workflow.toString(),
          'docket.tasks': plan.tasks.length,
          'docket.outcome': how,
        },
        ...(how === 'completed' ? {} : { error: `the ${kind} ${how === 'broken' ? 'could not go on' : `was ${how}`}` }),
      }),
      { isRun: true },
    );
  };

  #taskSpan(
    { task, state, via, at, message }: Extract<RunEvent, { kind: 'settled' }>,
    known: { readonly began: number; readonly attempts: number } | undefined,
  ): Span {
    const end = at === undefined ? this.#now() : at + this.#offset;
    const planned = this.#start.plan.tasks[task]!;
    return {
      trace: this.#trace,
      id: randomHex(8),
      parent: this.#id,
      name: planned.label,
      start: known?.began ?? end,
      end,
      attributes: {
        'docket.op': planned.task.run.op,
        'docket.label': planned.label,
        'docket.instruction': planned.instruction.toString(),
        'docket.outcome': state,
        'docket.cached': via === 'declared' || via === 'resolved',
        'docket.attempts': known?.attempts ?? 0,
      },
      ...(state === 'failed' ? { error: message ?? 'the task failed' } : {}),
    };
  }

  #now(): number {
    return this.#tools.clock.monotonic() + this.#offset;
  }
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
