import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/run-command.ts';
import { Agent, type AgentOptions } from '../../src/agent/agent.ts';
import * as Home from '../../src/ledger/home.ts';

/** A real agent on a home of its own, in this process, and requests to it. */
export class Door implements AsyncDisposable {
  readonly agent: Agent;
  readonly home: string;
  readonly #folder: string;

  private constructor(agent: Agent, folder: string) {
    this.agent = agent;
    this.home = agent.engine.paths.home;
    this.#folder = folder;
  }

  /** `token`: the one of the home, if it has to be known before. */
  static async open(options: Partial<AgentOptions> = {}, token?: string): Promise<Door> {
    const folder = mkdtempSync(join(tmpdir(), 'docket-api-'));
    if (token !== undefined) {
      await Home.prepare(join(folder, 'home'));
      writeFileSync(join(folder, 'home', 'token'), token, { mode: 0o600 });
    }
    return new Door(await Agent.start({ home: join(folder, 'home'), port: 0, slots: 2, ...options }), folder);
  }

  /** With the agent's token, unless `authorization` says otherwise. */
  ask(method: string, path: string, { body, headers = {} }: Asked = {}): Promise<Response> {
    const all = { authorization: `Bearer ${this.agent.token}`, ...headers };
    return fetch(`${this.agent.url}${path}`, { method, headers: all, ...(body === undefined ? {} : { body: body as string }) });
  }

  /** Names a guest as `org.example.<guest>`. */
  async push(guest: string, { version = '1', more = '' } = {}): Promise<void> {
    const manifest = `namespace = "org.example"\nname = "${guest}"\nversion = "${version}"\nbinary = "${guest}.wasm"\ndescription = ""\n${more}`;
    const named = await this.ask('POST', '/v1/storage/manifests', { body: manifest });
    const sent = await this.ask('PUT', `/v1/storage/manifests/org.example.${guest}/executable/${version}`, { body: module(guest) });
    if (named.status !== 201 || sent.status !== 201) throw new Error(`${await named.text()}\n${await sent.text()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Asked {
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export function module(guest: string): Uint8Array {
  return readFileSync(join(ROOT, 'build', 'guests', `${guest}.wasm`));
}

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly next: string;
}
