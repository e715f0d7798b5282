import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { followEvents } from '../../src/sdk/follow-events.ts';
import { FleetAgent, freePort, type Launch } from '../chaos/fleet.ts';
import { docketIn } from '../chaos/submit.ts';
import { guest, type Ended, type Report } from '../cli/helpers.ts';
import type { NatsServer } from '../mesh/nats-server.ts';

/** What streams are made with: what is promised to them has to fit on the disk beside those of other tests. */
const KEPT = ['records', 'results', 'journals', 'objects'];

interface Settings {
  readonly mesh?: string;
  /** By which it reaches the servers, if not as the others do. */
  readonly by?: string;
  /** Of each stream, if it is the one that makes them. */
  readonly size?: string;
  readonly slots?: number;
  readonly more?: readonly string[];
  readonly launch?: Launch;
}

export type Event = { readonly kind: string } & Readonly<Record<string, unknown>>;

/** Real agents on real servers, to be hurt one by one, in a folder that goes with them. */
export class Lab implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'docket-lab-'));
  readonly #urls: string;
  readonly #agents: FleetAgent[] = [];

  constructor(servers: readonly Pick<NatsServer, 'url'>[]) {
    this.#urls = servers.map(({ url }) => url).join(',');
  }

  /** An agent, not started. */
  async agent(
    name: string,
    { mesh = 'lab', by = this.#urls, size = '32MiB', slots = 1, more = [], launch = {} }: Settings = {},
  ): Promise<FleetAgent> {
    const settings = [
      '--mesh',
      by,
      '--mesh-name',
      mesh,
      ...KEPT.flatMap((what) => ['--mesh-size', `${what}=${size}`]),
      '--slots',
      String(slots),
      ...more,
    ];
    // Where compiled code is kept: starts take a third of the time.
    const env = { NODE_COMPILE_CACHE: join(this.folder, 'compiled'), ...launch.env };
    const agent = new FleetAgent(name, this.folder, await freePort(), settings, { ...launch, env });
    this.#agents.push(agent);
    return agent;
  }

  async start(name: string, settings: Settings = {}): Promise<FleetAgent> {
    const agent = await this.agent(name, settings);
    await agent.start();
    return agent;
  }

  /** Agents that know each other. */
  async startAll(names: readonly string[], settings: (name: string) => Settings = () => ({})): Promise<FleetAgent[]> {
    const agents = await Promise.all(names.map(async (name) => await this.start(name, settings(name))));
    for (const agent of agents) await this.hears(agent, agents);
    return agents;
  }

  /** Resolves when it hears all of them. */
  async hears(agent: FleetAgent, others: readonly FleetAgent[]): Promise<void> {
    await until(async () => {
      const present = (await this.members(agent)).filter(({ state }) => state === 'present').map(({ did }) => did);
      return others.every(({ did }) => present.includes(did));
    });
  }

  async members(agent: FleetAgent): Promise<{ readonly did: string; readonly state: string; readonly version: string }[]> {
    const answer = await agent.ask('/v1/agents', AbortSignal.timeout(5_000));
    return ((await answer.json()) as { members: { did: string; state: string; version: string }[] }).members;
  }

  /** A command of somebody who has no home here, at this agent. */
  async docket(agent: FleetAgent, args: readonly string[]): Promise<Ended> {
    return await docketIn(this.folder)([...args, '--agent', agent.url, '--token-file', agent.tokenFile]);
  }

  /** Its one document. */
  async json<T>(agent: FleetAgent, args: readonly string[]): Promise<T> {
    const { stdout, stderr } = await this.docket(agent, [...args, '--json']);
    assert.match(stdout, /^[^\n]+\n$/, stderr);
    return JSON.parse(stdout) as T;
  }

  async run(agent: FleetAgent, workflow: object, more: readonly string[] = []): Promise<Report> {
    return await this.json<Report>(agent, ['run', this.write(workflow), ...more]);
  }

  /** Its id. */
  async submit(agent: FleetAgent, workflow: object, more: readonly string[] = []): Promise<string> {
    const { run, error } = await this.json<{ run: string; error?: unknown }>(agent, ['run', this.write(workflow), '--detach', ...more]);
    assert.equal(error, undefined, JSON.stringify(error));
    return run;
  }

  /** Events of a run as an agent tells them, from the first, until it ended or has said what is looked for. */
  async events(agent: FleetAgent, run: string, isLast: (event: Event) => boolean = () => false): Promise<readonly Event[]> {
    const events: Event[] = [];
    for await (const { kind, data } of followEvents({ url: agent.url, token: agent.token }, run, {
      after: 0,
      signal: AbortSignal.timeout(60_000),
    })) {
      const event = { ...(JSON.parse(data) as Event), kind };
      events.push(event);
      if (kind === 'ended' || isLast(event)) break;
    }
    return events;
  }

  /** The value of a metric, all its series with these words in their labels together. */
  async metric(agent: FleetAgent, name: string, labels = ''): Promise<number> {
    const text = await (await agent.ask('/metrics', AbortSignal.timeout(5_000))).text();
    const lines = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line) && line.includes(labels));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** A file with it. */
  write(workflow: object): string {
    mkdirSync(join(this.folder, 'work'), { recursive: true });
    const file = join(this.folder, 'work', `${crypto.randomUUID()}.json`);
    writeFileSync(file, JSON.stringify({ docket: 1, ...workflow }));
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#agents.map(async (agent) => await agent[Symbol.asyncDispose]()));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Tasks that take a while and have answers that are known: Fibonacci numbers. */
export function fibs(numbers: readonly number[], nonce: string, more: object = {}): object {
  const task = { each: numbers, module: guest('numeric'), func: 'fib', args: ['${item}'], nonce: `${nonce}-\${index}`, ...more };
  return { name: nonce, tasks: { fib: task }, outputs: { all: { from: 'fib' } } };
}

/** Looks until it is so. The test's own limit ends it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}
