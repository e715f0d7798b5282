import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Place } from './helpers.ts';

/** An agent process on the home of a place. Disposing it kills it. */
export class AgentProcess implements AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** Of its port for Homestar's clients. */
  readonly homestar: string | undefined;
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(child: ChildProcessWithoutNullStreams, { url, token, homestar }: Pick<AgentProcess, 'url' | 'token' | 'homestar'>) {
    this.#child = child;
    this.url = url;
    this.token = token;
    this.homestar = homestar;
  }

  async ask<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${this.token}` } })).json()) as T;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill(signal);
    await once(this.#child, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill('SIGKILL');
  }
}

export async function startAgent(place: Place, { listen = '127.0.0.1:0', more = [] as readonly string[] } = {}): Promise<AgentProcess> {
  const child = place.start(['agent', '--listen', listen, '--slots', '2', ...more]);
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const { event, url, homestar } = JSON.parse((await lines.next()).value as string) as { event: string; url: string; homestar?: string };
  assert.equal(event, 'listening');
  child.stderr.resume();
  return new AgentProcess(child, { url, homestar, token: readFileSync(join(place.home, 'token'), 'utf8').trim() });
}
