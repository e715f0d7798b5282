import type { CID } from '../../ipld/cid.ts';
import { isList, type Ipld } from '../../ipld/value.ts';
import { DocketError } from '../../errors.ts';
import type { Offered } from '../../protocol/peers.ts';
import { homestarCid } from '../../workflow/homestar-cid.ts';
import type { Answer, Connection } from './connection.ts';
import { type Followers, type StartedRun, Subscription } from './followers.ts';
import { BUSY, type Call, causeOf, failed, firstOf, type Item, read, replied, ReplyRoom, RpcError } from './json-rpc.ts';
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

interface Called {
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
  async answer(text: string): Promise<Answer> {
    const { isBatch, items } = read(text);
    const room = new ReplyRoom();
    const called = await Promise.all(items.map((item) => this.#answer(item, room)));
    const replies = called.map(({ reply }) => reply);
    return {
      reply: isBatch && replies.length > 0 ? `[${replies.join(',')}]` : replies[0],
      after: () => {
        for (const { after } of called) after?.();
      },
    };
  }

  async #answer(item: Item, room: ReplyRoom): Promise<Called> {
    if ('error' in item) return { reply: failed(item.id, item.error) };
    const { call } = item;
    try {
      this.#options.admit();
      return await this.#called(call, room);
    } catch (error) {
      return { reply: failed(call.id, error) };
    }
  }

  async #called({ id, method, params }: Call, room: ReplyRoom): Promise<Called> {
    switch (method) {
      case RUN:
        return await this.#run(id, params);
      case NETWORK:
        return this.#listen(id);
      case `un${RUN}`:
        return { reply: replied(id, String(this.#unsubscribe('run', params))) };
      case `un${NETWORK}`:
        return { reply: replied(id, String(this.#unsubscribe('network', params))) };
      default: {
        const asked = methodNamed(this.#options.methods, method);
        using _turn = await this.#connection.turn();
        room.check();
        return { reply: room.counted(replied(id, await asked(params))) };
      }
    }
  }

  async #run(id: Ipld, params: Ipld | undefined): Promise<Called> {
    const { followers, onIdle } = this.#options;
    const { name, workflow, source } = runRequest(params);
    try {
      this.#requireRoom();
      const started = await this.#start(source);
      const subscription = this.#subscribe('run');
      followers.add(subscription, started);
      return { reply: replied(id, JSON.stringify(subscription.id)), after: () => followers.started(started, onIdle) };
    } catch (error) {
      throw refusal(homestarCid(workflow), name, error);
    }
  }

  async #start(source: Uint8Array): Promise<StartedRun> {
    const { work, runs } = this.#options.services;
    const what = { kind: 'workflow', source, file: 'workflow', inputs: {} } as const;
    this.#pending++;
    try {
      const { run } = await work.submit({ what, options: {}, isTrusted: false, key: undefined, traceparent: undefined });
      const { workflow, name, tasks } = await runs.find(run);
      return { run, workflow, name, tasks: tasks?.total ?? null };
    } finally {
      this.#pending--;
    }
  }

  #listen(id: Ipld): Called {
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
    if (!this.#options.followers.hasRoom(this.#connection))
      throw new DocketError('AGENT_FULL', 'this connection follows as many runs as it may at a time');
    if (this.#subscriptions.size + this.#pending >= MOST_SUBSCRIPTIONS)
      throw new DocketError('AGENT_FULL', `a connection has at most ${MOST_SUBSCRIPTIONS} subscriptions`);
  }
}

/** As Homestar refuses a workflow, with the cause under `data`. */
function refusal(workflow: CID, name: string, error: unknown): RpcError {
  return new RpcError(BUSY, `not able to run workflow ${workflow}`, { ...causeOf(error), name });
}
