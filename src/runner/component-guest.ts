import { MOST_VALUES } from '../ipld/large-value.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Plan } from '../sandbox/component/plan-model.ts';
import { Running, type Surroundings } from '../sandbox/component/running.ts';
import type { FueledJob } from './fuel.ts';
import { takeMemory, withMemory } from './guest.ts';
import { memoryShares } from './memory-shares.ts';
import type { Bench } from './op.ts';

/** A component outfitted for one task, before the host's side of it is there. */
export interface ComponentGuest {
  /** Of the first core instance that is made, if it defines one. */
  readonly firstMemory: WebAssembly.Memory | undefined;
  /** Bytes of all its memories, as they are now. */
  memory(): number;
  /** A failure, as one of the memory limit if it was that. */
  explain(failure: Failure): Failure;
  link(host: Pick<Surroundings, 'callHost' | 'preview1'>): Running;
}

/** What it takes goes back with `stack`. */
export function outfitComponent(plan: Plan, { job, fuel }: FueledJob, bench: Bench, stack: DisposableStack): ComponentGuest {
  bench.garbage.expectTables(plan.steps.map(({ module }) => module.info));
  const guests = takeMemories(plan, job.limits.memory, bench, stack);
  const memories = guests.map(({ memory }) => memory);
  return {
    firstMemory: memories[0],
    memory: () => memories.reduce((sum, each) => sum + (each?.buffer.byteLength ?? 0), 0),
    explain: (failure) => withMemory(failure, ...guests),
    link(host) {
      const running = stack.use(
        new Running(plan, {
          ...host,
          memories,
          counters: fuel.imports,
          toll: fuel.toll,
          mostValues: MOST_VALUES,
          onDropped: (bytes) => bench.garbage.drop(bytes),
        }),
      );
      stack.defer(() => bench.garbage.note(running.held));
      return running;
    },
  };
}

interface GuestMemory {
  readonly memory: WebAssembly.Memory | undefined;
  readonly cap: number;
}

/** A memory for each core instance that defines one; all together keep to the task's limit. */
function takeMemories({ steps }: Plan, limit: number, { memories }: Bench, stack: DisposableStack): GuestMemory[] {
  const defined = steps.map(({ module: { info } }) => (info.memory?.imported === undefined ? info.memory : undefined));
  const caps = defined.filter((each) => each !== undefined).length > 1 ? memoryShares(defined, limit) : defined.map(() => limit);
  return steps.map(({ module }, i) => {
    if (defined[i] === undefined) return { memory: undefined, cap: 0 };
    const cap = caps[i] as number;
    const lent = takeMemory(module, cap, memories);
    return { memory: lent === undefined ? undefined : stack.use(lent).memory, cap };
  });
}
