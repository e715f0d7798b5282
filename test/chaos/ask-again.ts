import { mapConcurrent } from '../../src/base/limit-concurrency.ts';
import type { FleetAgent } from './fleet.ts';
import type { docketIn, Submitted } from './submit.ts';

interface Asking {
  readonly docket: ReturnType<typeof docketIn>;
  readonly agents: readonly FleetAgent[];
  readonly random: (most: number) => number;
  /** How many at most. */
  readonly again: number;
  /** When the only server lost its data last. */
  readonly lastLoss: number;
  readonly violated: (what: string) => void;
}

/** What is finished is found, at any agent, except for what no other run may take: runs that ended right, some by chance if there are more. */
export async function askAgain(
  { docket, agents, random, again, lastLoss, violated }: Asking,
  right: readonly Submitted[],
): Promise<{ readonly askedAgain: number; readonly foundAgain: number }> {
  const rest = [...right];
  const chosen = Array.from({ length: Math.min(again, rest.length) }, () => rest.splice(random(rest.length), 1)[0]!);
  let foundAgain = 0;
  await mapConcurrent(chosen, 2, async ({ file, work, run, ended }) => {
    const agent = agents[random(agents.length)]!;
    const { status, stdout, stderr } = await docket(['run', file, '--agent', agent.url, '--token-file', agent.tokenFile, '--json']);
    const ran = status === 0 ? (JSON.parse(stdout) as { readonly tasks: { readonly ran: number } }).tasks.ran : undefined;
    if (ran === work.own) foundAgain++;
    else if (ran === undefined || ended > lastLoss)
      violated(
        `${work.name} (run ${run}) again at ${agent.name}: ${ran === undefined ? stderr.slice(0, 300) : `${ran} tasks ran anew, and not ${work.own}`}`,
      );
  });
  return { askedAgain: chosen.length, foundAgain };
}
