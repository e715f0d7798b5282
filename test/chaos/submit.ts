import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../src/base/clock.ts';
import { MAIN } from '../cli/helpers.ts';
import type { FleetAgent } from './fleet.ts';
import type { Work } from './work.ts';

/** A run that an agent has accepted. Times are monotonic, in ms. */
export interface Submitted {
  readonly run: string;
  readonly work: Work;
  /** Of the workflow. */
  readonly file: string;
  readonly since: number;
  /** When it was found to have ended; infinite as long as it was not. */
  readonly ended: number;
}

type Docket = (args: readonly string[]) => Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;

/** The command, of somebody who has no home here. */
export function docketIn(folder: string): Docket {
  return async (args) => {
    const env = { ...process.env, DOCKET_HOME: join(folder, 'nobody') };
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const status = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { status: await status, stdout, stderr };
  };
}

interface Submission {
  readonly folder: string;
  readonly agent: FleetAgent;
  readonly work: Work;
  readonly clock: Clock;
}

export async function submit(
  docket: Docket,
  { folder, agent, work, clock }: Submission,
): Promise<Submitted | { readonly refused: string }> {
  const file = join(folder, 'work', `${work.name}.yaml`);
  writeFileSync(file, work.workflow);
  const at = ['--agent', agent.url, '--token-file', agent.tokenFile];
  const { status, stdout, stderr } = await docket(['run', file, ...at, '--detach', '--json', ...(work.isForced ? ['--force'] : [])]);
  if (status !== 0) return { refused: stderr.slice(0, 300) };
  const { run } = JSON.parse(stdout) as { readonly run: string };
  return { run, work, file, since: clock.monotonic(), ended: Number.POSITIVE_INFINITY };
}
