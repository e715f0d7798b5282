import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { Lock } from '../ledger/locks.ts';

/** An agent that runs on a home. */
export interface RunningAgent {
  readonly url: string;
  /** Where commands on the same home find it: of one that speaks TLS a door in clear text on loopback, so that they need not trust its certificate. */
  readonly local: string;
  /** Name of the mesh it is in, if it is in one: it can tell more then than its home. */
  readonly mesh: string | undefined;
  /** Gives every right. */
  readonly token: string;
}

/** The agent that runs on a home at this moment, as its files tell; undefined if there is none, or we may not read them. */
export function findAgent(home: string): RunningAgent | undefined {
  const address = join(home, ADDRESS_FILE);
  if (!existsSync(address) || !isHeldByAgent(home)) return undefined;
  try {
    const { url, local = url, mesh, pid } = JSON.parse(readFileSync(address, 'utf8')) as Readonly<Record<string, unknown>>;
    // What an agent left that was killed, the moment before the next one removes it, would have the token sent to whoever listens there now.
    if (typeof pid !== 'number' || !isAlive(pid)) return undefined;
    const token = readFileSync(join(home, TOKEN_FILE), 'utf8').trim();
    if (typeof url !== 'string' || typeof local !== 'string' || token === '') return undefined;
    return { url, local, mesh: typeof mesh === 'string' ? mesh : undefined, token };
  } catch {
    // It is stopping, or is somebody else's.
    return undefined;
  }
}

/** The mesh that the home's agent was in when it was killed; undefined if it was in none, stopped in order, or runs. */
export function meshOfKilled(home: string): string | undefined {
  if (isHeldByAgent(home)) return undefined;
  try {
    const { mesh } = JSON.parse(readFileSync(join(home, ADDRESS_FILE), 'utf8')) as Readonly<Record<string, unknown>>;
    return typeof mesh === 'string' ? mesh : undefined;
  } catch {
    return undefined;
  }
}

/** Whether there is an agent on the home, also one that is not, or no more, to be found. */
export function isHeldByAgent(home: string): boolean {
  return Lock.isHeld(join(home, 'locks', 'agent'));
}

/** Names in the home's folder. */
export const ADDRESS_FILE = 'agent.json';
export const TOKEN_FILE = 'token';

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}
