import { parseArgs } from 'node:util';

const HELP = `npm run word-count -- [options]

The word count of examples/08-mesh on real agents and NATS servers, with agents killed in every state a task can be in, and started again.
Ends with 0 if each job ends with the counts of one process that counts the same text, any agent can tell, and all homes are whole.

  --bytes N        of text, for each job (default 1000000000)
  --pieces N       texts that it is in, a task each (default 256)
  --agents N       how many agents, of one slot each (default 4)
  --servers N      how many NATS servers, 1 or 3 (default 3)
  --jobs N         how many jobs at once, of different texts at different agents (default 1); how they share the agents is told
  --pause N        seconds from one kill to the next (default 5); 0 kills none
  --seed N         for the same texts and the same dice (default 1)
  --keep           leave the folder with the homes, logs and events behind in any case

Lines of JSON tell what happens.
`;

const LEAST = { bytes: 1_000, pieces: 1, agents: 1, servers: 1, jobs: 1, pause: 0, seed: 0 } as const;

type Numbers = { readonly [K in keyof typeof LEAST]: number };

export interface WordOptions extends Numbers {
  readonly keep: boolean;
}

/** Undefined: help was asked for, and given. Throws a plain error for what it does not know. */
export function wordOptionsIn(args: readonly string[]): WordOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      bytes: { type: 'string', default: '1000000000' },
      pieces: { type: 'string', default: '256' },
      agents: { type: 'string', default: '4' },
      servers: { type: 'string', default: '3' },
      jobs: { type: 'string', default: '1' },
      pause: { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  if (!['1', '3'].includes(values.servers)) throw new Error('--servers is 1 or 3');
  const numbers = Object.entries(LEAST).map(([name, least]): [string, number] => {
    const value = Number(values[name as keyof Numbers]);
    if (!(value >= least) || (name !== 'pause' && !Number.isSafeInteger(value))) throw new Error(`--${name} is a number from ${least} on`);
    return [name, value];
  });
  return { ...(Object.fromEntries(numbers) as Numbers), keep: values.keep };
}
