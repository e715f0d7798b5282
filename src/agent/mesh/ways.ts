import { backoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { Recent } from '../../base/recent.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import { verify } from '../../ipld/identity.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import { decodeDoor, decodeSealedDoor, type DoorKey, encodeDoorQuestion, signedPart } from '../../protocol/mesh/door.ts';
import type { Refused } from '../../protocol/mesh/message.ts';
import { DoorAgent, DoorShut, openConnection } from './door-connection.ts';
import { Seal } from './door-seal.ts';

/**
 * How other members are reached: by their doors, which they tell when they are asked.
 *
 * Invariants
 * W1. A door is believed only if the member signed it for this question: what somebody else says, or said once, leads nowhere.
 * W2. Each member is asked once at a time, whoever wants to know, and again when its door does not open any more: the agent may have been started again.
 * W3. A member whose door did not open right after it told it is left alone for a second, then two, up to a minute.
 * W4. Nobody is remembered but the `MOST` asked last.
 */

/** A door that let us in. */
export interface Way {
  readonly door: DoorKey;
  /** By which it did. */
  readonly host: string;
  readonly agent: DoorAgent;
}

/** What is known of one member. */
interface Known {
  way: Way | undefined;
  asking: Promise<Way> | undefined;
  /** Since it led nowhere last; `failures` in a row. */
  shut: { readonly until: number; readonly failures: number; readonly error: DocketError } | undefined;
}

/** How long a member may take to tell its door, in ms. */
const PATIENCE = 3_000;
const FIRST_PAUSE = 1_000;
const MOST = 4_096;

interface WaysOptions {
  readonly mesh: Pick<Mesh, 'self' | 'name' | 'messages'>;
  readonly clock: Clock;
}

export class Ways implements Disposable {
  readonly clock: Clock;
  readonly #mesh: WaysOptions['mesh'];
  readonly #known = new Recent<string, Known>(MOST);
  readonly #agents = new Set<DoorAgent>();
  readonly #stop = new AbortController();

  constructor({ mesh, clock }: WaysOptions) {
    this.#mesh = mesh;
    this.clock = clock;
  }

  /** Throws `DoorShut`, `MESH_UNREACHABLE`, the signal's reason. */
  async to(did: string, signal?: AbortSignal): Promise<Way> {
    const known = this.#of(did);
    if (known.way !== undefined) return known.way;
    if (known.shut !== undefined && this.clock.monotonic() < known.shut.until) throw known.shut.error;
    return await orAborted(this.#ask(did, known), signal);
  }

  /** After `way` led nowhere: another. Throws as `to`. */
  async anew(did: string, way: Way, signal?: AbortSignal): Promise<Way> {
    const known = this.#of(did);
    if (known.way === way) known.way = undefined;
    // What is under way by it ends by itself.
    this.#agents.delete(way.agent);
    return await this.to(did, signal);
  }

  [Symbol.dispose](): void {
    this.#stop.abort(new DocketError('CANCELLED', 'the agent leaves the mesh'));
    for (const agent of this.#agents) agent.destroy();
  }

  #of(did: string): Known {
    let known = this.#known.get(did);
    if (known === undefined) this.#known.set(did, (known = { way: undefined, asking: undefined, shut: undefined }));
    return known;
  }

  #ask(did: string, known: Known): Promise<Way> {
    known.asking ??= this.#learn(did, known).finally(() => (known.asking = undefined));
    return known.asking;
  }

  async #learn(did: string, known: Known): Promise<Way> {
    try {
      const door = await this.#askNow(did);
      const { socket, host } = await openConnection(did, door, this.clock, this.#stop.signal);
      const agent = new DoorAgent(socket, door, { host, clock: this.clock });
      this.#agents.add(agent);
      known.shut = undefined;
      return (known.way = { door, host, agent });
    } catch (error) {
      if (error instanceof DoorShut) {
        const failures = (known.shut?.failures ?? 0) + 1;
        known.shut = { until: this.clock.monotonic() + backoff(FIRST_PAUSE, failures), failures, error };
      }
      throw error;
    }
  }

  async #askNow(did: string): Promise<DoorKey> {
    const { self, name, messages } = this.#mesh;
    const seal = new Seal();
    let bytes: Uint8Array;
    try {
      bytes = await messages.ask(did, encodeDoorQuestion(seal.shown), { patience: PATIENCE, signal: this.#stop.signal });
    } catch (error) {
      throw isDocketError(error, 'MESH_NO_ANSWER') ? new DoorShut(did, `it does not tell where it is: ${error.message}`, error) : error;
    }
    const answer = decodeSealedDoor(bytes);
    if ('refused' in answer) throw unreadable(did, answer);
    const { sealed, signature } = answer;
    const part = signedPart({ mesh: name, of: did, for: self, asked: seal.shown, seal: answer.seal, sealed });
    if (!verify(did, part, signature)) throw new DoorShut(did, 'what was told of it is not signed by it');
    let opened: Uint8Array;
    try {
      opened = seal.open(answer.seal, sealed);
    } catch (error) {
      throw new DoorShut(did, 'what it told cannot be decrypted', error);
    }
    const door = decodeDoor(opened);
    if ('refused' in door) throw unreadable(did, door);
    return door;
  }
}

function unreadable(did: string, { problem }: Refused): DoorShut {
  return new DoorShut(did, `what it told cannot be read: ${problem}`);
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
