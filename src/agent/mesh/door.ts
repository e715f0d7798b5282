import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Access, hashOf } from '../../api/access.ts';
import { createApp } from '../../api/app.ts';
import type { HttpMetrics } from '../../api/http-metrics.ts';
import type { Route } from '../../api/route.ts';
import type { Clock } from '../../base/clock.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import type { Key } from '../../ipld/identity.ts';
import {
  decodeDoorQuestion,
  type DoorKey,
  encodeDoor,
  encodeSealedDoor,
  isHost,
  MOST_HOSTS,
  signedPart,
} from '../../protocol/mesh/door.ts';
import type { Refused } from '../../protocol/mesh/message.ts';
import type { PeerService } from '../../protocol/peers.ts';
import type { Rights } from '../../protocol/rights.ts';
import { HttpServer } from '../http-server.ts';
import { isEverywhere, localHost, ownNames, publicAddresses } from '../listening.ts';
import { Seal } from './door-seal.ts';

/**
 * Where other members come in: the agent's own API behind TLS with a key that both sides know.
 *
 * Invariants
 * D1. The key is random, made when the door is opened, and lies nowhere but in memory; it is told to who asks over the mesh, encrypted for them and signed. So
 *     whoever may use the mesh may come in, and nobody else gets past the handshake.
 * D2. Members may read, and cancel runs, which their users ask of whatever agent is next to them. Nothing else is served here, whatever the token: what a
 *     member wants done it offers as work, which the policy judges.
 * D3. A member's requests say that they came through as many agents as may be (`member-fetch.ts`), so they are answered from here alone, and go round in no circle.
 */

/** What changes something and members may do all the same. */
const ACTIONS: ReadonlySet<string> = new Set(['POST /v1/runs/:run/cancel']);

/** By their scopes; the routes that are served are fewer. */
const MEMBER: Rights = { scopes: ['read', 'run'] };

/** Connections, those in a handshake included. */
const CONNECTIONS = 4_000;

export interface DoorOptions {
  /** All of the agent's. */
  readonly routes: readonly Route[];
  readonly key: Key;
  /** Of the mesh. */
  readonly name: string;
  readonly clock: Clock;
  readonly peers?: PeerService;
  /** An address or name of this machine; by default of the composition, the one by which the mesh's engine is reached. */
  readonly host: string;
  /** Default any that is free. */
  readonly port?: number | undefined;
  /** Where others are told to come; default: that address, or if it stands for all, each that this machine has. */
  readonly advertise?: readonly string[];
  readonly metrics?: HttpMetrics;
  /** How long a request may stand still in the middle, in ms; default 30 s. */
  readonly bodyIdle?: number;
}

export class MemberDoor implements AsyncDisposable {
  readonly hosts: readonly string[];
  readonly port: number;
  readonly #server: HttpServer;
  readonly #key: Key;
  readonly #name: string;
  readonly #door: Uint8Array;

  private constructor(server: HttpServer, door: DoorKey, { key, name }: Pick<DoorOptions, 'key' | 'name'>) {
    this.hosts = door.hosts;
    this.port = door.port;
    this.#server = server;
    this.#key = key;
    this.#name = name;
    this.#door = encodeDoor(door);
  }

  /** Throws `LISTEN_FAILED`. */
  static async open(options: DoorOptions): Promise<MemberDoor> {
    const { routes, clock, peers, host, port, metrics, bodyIdle } = options;
    const { advertise = publicAddresses(host).slice(0, MOST_HOSTS) } = options;
    const wrong = advertise.find((name) => !isHost(name) || isEverywhere(name));
    if (wrong !== undefined || advertise.length === 0 || advertise.length > MOST_HOSTS)
      throw new DocketError('LISTEN_FAILED', `other members cannot come to "${wrong ?? advertise.join(', ')}"`, {
        next: `Name from 1 to ${MOST_HOSTS} hosts or addresses of this machine, without a port.`,
      });
    const [token, identity, psk] = [
      randomBytes(32).toString('base64url'),
      randomBytes(16).toString('hex'),
      new Uint8Array(randomBytes(32)),
    ];
    const digest = hashOf(token);
    const access = new Access({
      // The right to everything is nobody's here.
      token: randomBytes(32).toString('base64url'),
      rightsOf: (hash) => (timingSafeEqual(hash, digest) ? MEMBER : undefined),
      anonymous: [],
      hosts: ownNames(host, advertise.map(localHost)),
      anyAddress: isEverywhere(host),
    });
    const handle = createApp(routes.filter(isForMembers), access, {
      ...(metrics === undefined ? {} : { metrics }),
      ...(bodyIdle === undefined ? {} : { bodyIdle }),
      ...(peers === undefined ? {} : { peers }),
    });
    const certificate = { identity, psk };
    const server = await HttpServer.listen({ host, port: port ?? 0, certificate, clock, handle, connections: CONNECTIONS }).catch(
      (error: unknown) => {
        if (!isDocketError(error, 'LISTEN_FAILED')) throw error;
        throw new DocketError('LISTEN_FAILED', error.message, { cause: error.cause, next: 'Name another address with --mesh-listen.' });
      },
    );
    return new MemberDoor(server, { hosts: advertise, port: server.port, identity, psk, token }, options);
  }

  /** Answers a member's question for it. */
  async answer(from: string, question: Uint8Array): Promise<Uint8Array | Refused> {
    const read = decodeDoorQuestion(question);
    if ('refused' in read) return read;
    const seal = new Seal();
    let sealed: Uint8Array;
    try {
      sealed = seal.close(read.seal, this.#door);
    } catch (error) {
      return { refused: 'shape', problem: `seal is no key: ${(error as Error).message}` };
    }
    const { did } = this.#key;
    const part = signedPart({ mesh: this.#name, of: did, for: from, asked: read.seal, seal: seal.shown, sealed });
    return encodeSealedDoor({ seal: seal.shown, sealed, signature: await this.#key.sign(part) });
  }

  /** Takes no more connections; resolves when those there are have ended and nothing `isBusy`, or after `ms`. */
  drain(ms: number, isBusy: () => boolean): Promise<void> {
    return this.#server.drain(ms, isBusy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

function isForMembers({ scope, method, path }: Route): boolean {
  return scope === 'read' || ACTIONS.has(`${method} ${path}`);
}
