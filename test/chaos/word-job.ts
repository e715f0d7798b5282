import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from '../../scripts/run-command.ts';
import type { FleetAgent } from './fleet.ts';

export interface Job {
  /** Folder of the pieces. */
  readonly texts: string;
  /** What is to come out. */
  readonly counts: string;
}

export async function countInOneProcess(texts: string): Promise<{ readonly counts: string; readonly seconds: number }> {
  const began = performance.now();
  const child = spawn(process.execPath, [join(ROOT, 'examples/08-mesh/count.mjs'), texts], { stdio: ['ignore', 'pipe', 'inherit'] });
  const counts = await text(child.stdout);
  return { counts, seconds: Math.round(performance.now() - began) / 1_000 };
}

const LOOK = 1_000;
const PATIENCE = 10_000;
/** A run that lasts longer is broken, in ms. */
const LONGEST = 1_800_000;

interface RunDocument {
  readonly state: string;
  readonly coordinator?: string;
  readonly failure?: { readonly message: string };
  readonly outputs: { readonly counts?: { readonly '/': string } };
}

/** What the run gave, asked of any agent again and again until it has ended. `why`: what went wrong instead. */
export async function outputOf(
  run: string,
  pick: () => FleetAgent | undefined,
  onCoordinator: (did: string | undefined) => void,
  sleep: (ms: number) => Promise<void>,
): Promise<{ readonly counts?: string; readonly why?: string }> {
  const until = performance.now() + LONGEST;
  for (let why = 'nobody could be asked'; ; await sleep(LOOK)) {
    const agent = pick();
    try {
      const document = (await answer(agent, `/v1/runs/${run}`).then((reply) => reply?.json())) as RunDocument | undefined;
      if (document?.state === 'completed') {
        const counts = await answer(agent, `/v1/blobs/${document.outputs.counts?.['/']}`).then((reply) => reply?.text());
        if (counts !== undefined) return { counts };
      } else if (document !== undefined && document.state !== 'running' && document.state !== 'interrupted')
        return { why: `it is ${document.state}: ${document.failure?.message}` };
      else if (document !== undefined) onCoordinator(document.coordinator);
      why = `${agent?.name} says it is ${document?.state}`;
    } catch (error) {
      // It may be killed this moment. What stays so is told in the end.
      why = (error as Error).message;
    }
    if (performance.now() > until) return { why: `it did not end in ${LONGEST / 60_000} minutes: ${why}` };
  }
}

async function answer(agent: FleetAgent | undefined, path: string): Promise<Response | undefined> {
  if (agent === undefined) return undefined;
  const reply = await agent.ask(path, AbortSignal.timeout(PATIENCE));
  if (!reply.ok) throw new Error(`${agent.name} answers ${path} with ${reply.status} ${await reply.text()}`);
  return reply;
}
