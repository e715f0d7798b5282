import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lock } from '../ledger/locks.ts';

/** An agent that runs on a home. */
export interface RunningAgent {
  readonly url: string;
  /** Gives every right. */
  readonly token: string;
}

/** The agent that runs on a home at this moment, as its files tell; undefined if there is none, or we may not read them. */
export function findAgent(home: string): RunningAgent | undefined {
  const address = join(home, ADDRESS_FILE);
  if (!existsSync(address) || !Lock.isHeld(join(home, 'locks', 'agent'))) return undefined;
  try {
    const { url } = JSON.parse(readFileSync(address, 'utf8')) as { readonly url?: unknown };
    const token = readFileSync(join(home, TOKEN_FILE), 'utf8').trim();
    return typeof url === 'string' && token !== '' ? { url, token } : undefined;
  } catch {
    // It is stopping, or is somebody else's.
    return undefined;
  }
}

/** Names in the home's folder. */
export const ADDRESS_FILE = 'agent.json';
export const TOKEN_FILE = 'token';
