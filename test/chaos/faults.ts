import type { Clock } from '../../src/base/clock.ts';

/** Something whose process can be killed, or made to stand still. */
export interface Victim {
  readonly name: string;
  readonly state: 'up' | 'starting' | 'frozen' | 'dead';
  start(): Promise<void>;
  kill(): Promise<void>;
  /** Lets it end in order. Of what has no order it is undefined. */
  stop?(): Promise<void>;
  /** Of one that is dead: it has nothing when it is started again. */
  loseData?(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** What was done to whom. */
export interface Fault {
  readonly kind: Harm;
  readonly of: 'agent' | 'server';
  readonly victim: string;
  /** Until it is healed. */
  readonly ms: number;
}

type Harm = 'kill' | 'freeze' | 'stop' | 'lose data';

interface FaultOptions {
  readonly agents: readonly Victim[];
  /** Servers of the engine; the loss of one is to be borne. */
  readonly servers: readonly Victim[];
  /** Who of these would be missed most, if that is known. */
  readonly busiest: (victims: readonly Victim[]) => Victim | undefined;
  /** Of these, one at which to kill is worth more now than at the others; it may look for it for a moment. */
  readonly aim: (agents: readonly Victim[]) => Promise<Victim | undefined>;
  readonly random: (most: number) => number;
  readonly clock: Clock;
  /** Told before it happens. */
  readonly onFault: (fault: Fault) => void;
  readonly onHealed: (victim: string, kind: Harm) => void;
  /** A victim that did not end, or did not begin again. It is killed and counts as dead. */
  readonly onStuck: (victim: string, error: Error) => void;
}

/** Bounds in ms, of the time between two faults and of how long they last. Members are missed after three seconds: some freezes are shorter than that, most are longer. */
const PAUSE = { least: 2_000, more: 6_000 };
const DEAD = { least: 200, more: 12_000 };
const FROZEN = { least: 500, more: 30_000 };

/** Harms until aborted, then heals all; half of the agents and one server are spared at any time. Gives how many faults there were of each kind. */
export async function injectFaults(options: FaultOptions, signal: AbortSignal): Promise<Readonly<Record<string, number>>> {
  const { agents, servers, random, clock } = options;
  const healing = new Set<Promise<void>>();
  const counts: Record<string, number> = {};
  const wait = (ms: number): Promise<void> => waited(clock, ms, signal);
  while (!signal.aborted) {
    await wait(PAUSE.least + random(PAUSE.more));
    if (signal.aborted) break;
    const isServer = servers.length > 0 && (agents.length === 0 || random(5) === 0);
    const all = isServer ? servers : agents;
    const hurt = all.filter(({ state }) => state !== 'up').length;
    const most = isServer ? (servers.length === 1 ? 1 : Math.floor((servers.length - 1) / 2)) : Math.floor(agents.length / 2);
    const well = all.filter(({ state }) => state === 'up');
    const any = well[random(Math.max(well.length, 1))];
    const likely = random(2) === 0 ? (options.busiest(well) ?? any) : any;
    if (hurt >= most || likely === undefined) continue;
    const kind = harmOf(likely, random);
    const victim = kind === 'kill' && !isServer && random(3) > 0 ? ((await options.aim(well)) ?? likely) : likely;
    const of = isServer ? 'server' : 'agent';
    counts[`${kind} ${of}`] = (counts[`${kind} ${of}`] ?? 0) + 1;
    const bounds = kind === 'freeze' ? FROZEN : DEAD;
    const fault = { kind, of, victim: victim.name, ms: bounds.least + random(bounds.more) } as const;
    const healed = hurtOne(options, victim, fault, wait);
    healing.add(healed);
    void healed.finally(() => healing.delete(healed));
  }
  await Promise.all(healing);
  return counts;
}

function harmOf(victim: Victim, random: (most: number) => number): Harm {
  const dice = random(8);
  if (dice < 3) return 'freeze';
  if (dice === 3 && victim.stop !== undefined) return 'stop';
  if (dice < 5 && victim.loseData !== undefined) return 'lose data';
  return 'kill';
}

async function hurtOne(
  { onFault, onHealed, onStuck }: FaultOptions,
  victim: Victim,
  fault: Fault,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  const { kind, ms } = fault;
  onFault(fault);
  try {
    if (kind === 'freeze') victim.freeze();
    else if (kind === 'stop') await victim.stop?.();
    else await victim.kill();
    if (kind === 'lose data') await victim.loseData?.();
    await wait(ms);
    if (kind === 'freeze') victim.thaw();
    else await victim.start();
    onHealed(victim.name, kind);
  } catch (error) {
    onStuck(victim.name, error as Error);
    await victim.kill();
  }
}

/** Resolves after so long, or when aborted. */
async function waited(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = Promise.withResolvers<void>();
  const stop = clock.after(ms, over.resolve);
  signal.addEventListener('abort', () => over.resolve(), { once: true });
  await over.promise;
  stop();
}
