import type { CID } from '../../ipld/cid.ts';
import { isList, type Ipld } from '../../ipld/value.ts';
import { DocketError } from '../../errors.ts';
import type { Offered } from '../../protocol/peers.ts';
import { homestarCid } from '../../workflow/homestar-cid.ts';
import type { Connection } from './connection.ts';
import { type Followers, type StartedRun, Subscription } from './followers.ts';
import { BUSY, type Call, causeOf, failed, firstOf, type Item, read, replied, RpcError } from './json-rpc.ts';
import { type Method, methodNamed } from './methods.ts';
import { randomId } from './names.ts';
import type { NetworkWatch } from './network-watch.ts';
import { NETWORK, networkMessage, RUN } from './notifications.ts';
import { runRequest } from './run-request.ts';

/** Of one connection, as jsonrpsee has it. */
const MOST_SUBSCRIPTIONS = 1_024;

export interface ClientOptions {
  readonly services: Offered;
  readonly methods: ReadonlyMap<string, Method>;
  readonly followers: Followers;
  readonly network: NetworkWatch;
  /** Throws `RATE_LIMITED`. */
  readonly admit: () => void;
  /** Told when it follows nothing any more. */
  readonly onIdle: (connection: Connection) => void;
}

/** The reply to a call, and what happens after it was sent. */
interface Answer {
  readonly reply: string;
  readonly after?: () => void;
}

/** What one client asks for over its connection: calls, and subscriptions, which end with it. */
export class Client {
  readonly #options: ClientOptions;
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, { readonly kind: 'run' | 'network'; readonly subscription: Subscription }>();
  /** Runs that are being submitted. */
  #pending = 0;

  constructor(connection: Connection, options: ClientOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Never rejects. */
  async receive(text: string): Promise<void> {
    const { isBatch, items } = read(text);
    const answers = await Promise.all(items.map((item) => this.#answer(item)));
    const replies = answers.map(({ reply }) => reply);
    const [first] = replies;
    if (first !== undefined) await this.#connection.send(isBatch ? `[${replies.join(',')}]` : first);
    for (const { after } of answers) after?.();
  }

  async #answer(item: Item): Promise<Answer> {
    if ('error' in item) return { reply: failed(item.id, item.error) };
    const { call } = item;
    try {
      this.#options.admit();
      return await this.#called(call);
    } catch (error) {
      return { reply: failed(call.id, error) };
    }
  }

  async #called({ id, method, params }: Call): Promise<Answer> {
    switch (method) {
      case RUN:
        return await this.#run(id, params);
      case NETWORK:
        return this.#listen(id);
      case `un${RUN}`:
        return { reply: replied(id, String(this.#unsubscribe('run', params))) };
      case `un${NETWORK}`:
        return { reply: replied(id, String(this.#unsubscribe('network', params))) };
      default:
        return { reply: replied(id, await methodNamed(this.#options.methods, method)(params)) };
    }
  }

  async #run(id: Ipld, params: Ipld | undefined): Promise<Answer> {
    const { followers, onIdle } = this.#options;
    const { name, workflow, source } = runRequest(params);
    this.#pending++;
    try {
      this.#requireRoom();
      if (!followers.hasRoom(this.#connection))
        throw new DocketError('AGENT_FULL', 'this connection follows as many runs as it may at a time');
      const started = await this.#start(source);
      const subscription = this.#subscribe('run');
      followers.add(subscription, started);
      return { reply: replied(id, JSON.stringify(subscription.id)), after: () => followers.started(started, onIdle) };
    } catch (error) {
      throw refusal(homestarCid(workflow), name, error);
    } finally {
      this.#pending--;
    }
  }

  async #start(source: Uint8Array): Promise<StartedRun> {
    const { work, runs } = this.#options.services;
    const what = { kind: 'workflow', source, file: 'workflow', inputs: {} } as const;
    const { run } = await work.submit({ what, options: {}, isTrusted: false, key: undefined, traceparent: undefined });
    const { workflow, name, tasks } = await runs.find(run);
    return { run, workflow, name, tasks: tasks?.total ?? null };
  }

  #listen(id: Ipld): Answer {
    this.#requireRoom();
    const { network } = this.#options;
    const subscription = this.#subscribe('network');
    const after = (): void => {
      if (subscription.signal.aborted) return;
      network.add(subscription, ([event, what]) => void this.#connection.send(networkMessage(subscription.id, event, what)));
      subscription.signal.addEventListener('abort', () => network.remove(subscription));
    };
    return { reply: replied(id, JSON.stringify(subscription.id)), after };
  }

  #subscribe(kind: 'run' | 'network'): Subscription {
    const subscription = new Subscription(randomId(), this.#connection);
    this.#subscriptions.set(subscription.id, { kind, subscription });
    return subscription;
  }

  #unsubscribe(kind: 'run' | 'network', params: Ipld | undefined): boolean {
    const id = isList(params) ? firstOf(params) : undefined;
    const found = typeof id === 'string' ? this.#subscriptions.get(id) : undefined;
    if (found?.kind !== kind) return false;
    found.subscription.stop();
    return this.#subscriptions.delete(found.subscription.id);
  }

  #requireRoom(): void {
    if (this.#subscriptions.size + this.#pending > MOST_SUBSCRIPTIONS)
      throw new RpcError(BUSY, `a connection has at most ${MOST_SUBSCRIPTIONS} subscriptions`);
  }
}

/** As Homestar refuses a workflow, with the cause under `data`. What was wrong with the request itself stays as it is. */
function refusal(workflow: CID, name: string, error: unknown): RpcError {
  const cause = error instanceof RpcError ? { code: 'AGENT_FULL', message: error.message } : causeOf(error);
  return new RpcError(BUSY, `not able to run workflow ${workflow}`, { ...cause, name });
}
