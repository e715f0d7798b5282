import { type Clock, systemClock } from '../../base/clock.ts';
import type { Link, Mesh } from '../mesh.ts';
import { checkWord } from '../names.ts';
import { type Delivery, type Party, PromptDelivery } from './delivery.ts';
import { JournalTable, LocalJournals } from './journals.ts';
import { LocalObjects, ObjectTable } from './objects.ts';
import { LocalMessages, LocalPresence, type Stations } from './post.ts';
import { LocalRecords, RecordTable } from './records.ts';
import { LocalResults, ResultTable } from './results.ts';
import { Station } from './station.ts';

/** What is kept at most. */
export interface LocalLimits {
  /** Bytes of a message, and of the value of a record, result or entry; default 1,000,000. */
  readonly message: number;
  /** Bytes of all records; default 64 MiB. */
  readonly records: number;
  /** How many results; default a million. */
  readonly results: number;
  /** Entries of each journal, at least; default 100,000. */
  readonly journal: number;
  /** Bytes of all objects; default 1 GiB. */
  readonly objects: number;
}

export interface LocalOptions {
  /** Default `local`. */
  readonly name?: string;
  /** Default the system's. */
  readonly clock?: Clock;
  /** Default: all of it at once, see `PromptDelivery`. */
  readonly delivery?: Delivery;
  readonly limits?: Partial<LocalLimits>;
  /** Who may change what the engine keeps; the others are refused. Default everybody. */
  readonly mayWrite?: (did: string) => boolean;
}

export interface LocalMember extends Mesh {
  /** As its delivery knows it. */
  readonly party: Party;
  /** As when its process is killed: its listeners are gone at once, and it is not told. What it waits for ends only if its delivery and clock go on. */
  vanish(): void;
}

const LIMITS: LocalLimits = { message: 1_000_000, records: 64 * 2 ** 20, results: 1_000_000, journal: 100_000, objects: 2 ** 30 };

/**
 * A mesh in one process: the engine, in memory, and the members that join it.
 *
 * L1. Members share nothing but what they send: all bytes are copied.
 * L2. What the engine does, it does whole, one call after the other: so records are linearizable whatever the delivery does.
 */
export class LocalMesh {
  readonly name: string;
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #limits: LocalLimits;
  readonly #mayWrite: (did: string) => boolean;
  readonly #stations = new StationTable();
  readonly #records: RecordTable;
  readonly #results: ResultTable;
  readonly #journals: JournalTable;
  readonly #objects: ObjectTable;

  constructor({ name = 'local', clock = systemClock, delivery = new PromptDelivery(), limits, mayWrite = () => true }: LocalOptions = {}) {
    checkWord(name);
    this.name = name;
    this.#clock = clock;
    this.#delivery = delivery;
    this.#limits = { ...LIMITS, ...limits };
    this.#mayWrite = mayWrite;
    this.#records = new RecordTable(this.#limits.records);
    this.#results = new ResultTable(this.#limits.results);
    this.#journals = new JournalTable(this.#limits.journal);
    this.#objects = new ObjectTable(this.#limits.objects);
  }

  /** As when an engine loses the records it keeps. */
  loseRecords(): void {
    this.#records.lose();
  }

  /** A member of that name, until it is disposed of. `clock`: its own, default that of the mesh. Throws `MESH_NAME_INVALID`. */
  join(did: string, clock: Clock = this.#clock): LocalMember {
    checkWord(did);
    const station = new Station(did, clock, this.#delivery, this.#mayWrite(did));
    this.#stations.add(station);
    const largest = this.#limits.message;
    return {
      party: station,
      self: did,
      name: this.name,
      presence: new LocalPresence(station, this.#stations, largest),
      messages: new LocalMessages(station, this.#stations, largest),
      records: new LocalRecords(station, this.#records, largest),
      results: new LocalResults(station, this.#results, largest),
      journals: new LocalJournals(station, this.#journals, largest),
      objects: new LocalObjects(station, this.#objects),
      get link(): Link {
        return station.link;
      },
      onLink: (listener) => station.listenToLink(listener),
      vanish: () => {
        this.#stations.delete(station);
        station.vanish();
      },
      [Symbol.asyncDispose]: async () => {
        this.#stations.delete(station);
        station.close();
      },
    };
  }
}

class StationTable implements Stations {
  readonly #all = new Set<Station>();
  readonly #byDid = new Map<string, Set<Station>>();

  add(station: Station): void {
    this.#all.add(station);
    const same = this.#byDid.get(station.did);
    if (same === undefined) this.#byDid.set(station.did, new Set([station]));
    else same.add(station);
  }

  delete(station: Station): void {
    this.#all.delete(station);
    const same = this.#byDid.get(station.did);
    same?.delete(station);
    if (same?.size === 0) this.#byDid.delete(station.did);
  }

  all(): Iterable<Station> {
    return this.#all;
  }

  of(did: string): Iterable<Station> {
    return this.#byDid.get(did) ?? [];
  }
}
