import { parseArgs } from 'node:util';

const HELP = `npm run chaos -- [options]

Real agents on real NATS servers, given work whose answers are known, while they are killed, frozen, stopped and started again.
Ends with 0 if every run ended right, nothing finished was lost and every home is whole.

  --minutes N      how long to hurt (default 30); looking at everything afterwards takes some minutes more
  --agents N       how many agents, of one slot each (default 4); half of them are well at any time
  --servers N      how many NATS servers, 1 or 3 (default 3); a single one loses its data now and then
  --hurt WHAT      all, agents or servers (default all)
  --at-once N      how many runs go on at a time at most (default 6)
  --again N        how many of the runs are asked for again at the end (default 300, chosen by chance)
  --seed N         for the same work and the same dice (default: by the time)
  --keep           leave the folder with the homes and logs behind in any case

Lines of JSON tell what happens; the last one, "end", sums up: "violations" is what must be empty, "standstills" are times in ms until work went on by kind of fault
(slow: longer than 5 s, or 15 s where servers were hurt), "stages" where tasks stood at agents that were killed.
`;

export interface Options {
  readonly minutes: number;
  readonly agents: number;
  readonly servers: number;
  readonly hurt: 'all' | 'agents' | 'servers';
  readonly atOnce: number;
  readonly again: number;
  readonly seed: number;
  readonly keep: boolean;
}

/** Undefined: help was asked for, and given. Throws a plain error for what it does not know. */
export function optionsIn(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '30' },
      agents: { type: 'string', default: '4' },
      servers: { type: 'string', default: '3' },
      hurt: { type: 'string', default: 'all' },
      'at-once': { type: 'string', default: '6' },
      again: { type: 'string', default: '300' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  const { hurt, keep } = values;
  if (hurt !== 'all' && hurt !== 'agents' && hurt !== 'servers') throw new Error('--hurt is all, agents or servers');
  const number = (name: 'minutes' | 'agents' | 'servers' | 'at-once' | 'again' | 'seed', least: number): number => {
    const value = Number(values[name]);
    if (!(value >= least) || (name !== 'minutes' && !Number.isSafeInteger(value)))
      throw new Error(`--${name} is a number from ${least} on`);
    return value;
  };
  if (!['1', '3'].includes(values.servers)) throw new Error('--servers is 1 or 3');
  const [minutes, agents, servers] = [number('minutes', 0.01), number('agents', 1), number('servers', 1)];
  return { minutes, agents, servers, hurt, atOnce: number('at-once', 1), again: number('again', 0), seed: number('seed', 0), keep };
}
