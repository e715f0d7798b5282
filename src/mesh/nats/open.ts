import { DocketError } from '../../errors.ts';
import type { Link, Mesh } from '../mesh.ts';
import { checkWord } from '../names.ts';
import { Connection } from './connection.ts';
import { Engine, largestOf } from './engine.ts';
import { NatsJournals } from './journals.ts';
import { NatsMessages } from './messages.ts';
import { NatsObjects } from './objects.ts';
import type { NatsOptions } from './options.ts';
import { NatsPresence } from './presence.ts';
import { NatsRecords } from './records.ts';
import { NatsResults } from './results.ts';
import { Subjects } from './subjects.ts';

/**
 * Joins a mesh whose engine is nats-server with JetStream. What the mesh needs there is made if it is not there.
 *
 * Throws `USAGE` for addresses and files that cannot be used, `MESH_NAME_INVALID`, `MESH_UNREACHABLE` if none of the servers answers, `MESH_DENIED` for credentials that
 * are not taken, `MESH_REFUSED` if a right is missing, `MESH_NO_JETSTREAM`, `MESH_FULL` if there is no room for a stream, `MESH_STREAM_UNFIT` if there is one of that
 * name that does not fit.
 */
export async function openNatsMesh(options: NatsOptions): Promise<Mesh> {
  checkWord(options.name);
  checkWord(options.self);
  const subjects = new Subjects(options.name);
  await using opened = new AsyncDisposableStack();
  const open = async (): Promise<Connection> => await Connection.open(options, subjects.inbox(''));
  const post = opened.use(await open());
  const vault = opened.use(await open());
  const engine = new Engine(vault, subjects, options);
  // Later on it may be a server that is just starting.
  if (vault.now?.mayHaveJetStream === false)
    throw new DocketError('MESH_NO_JETSTREAM', 'the nats-server that answers has JetStream turned off');
  await engine.run(() => Promise.resolve());
  return new NatsMesh(post, engine, opened.move());
}

/**
 * N1. Beats and messages have a connection of their own, and `link` is that one: what is kept goes over another. So megabytes of objects on their way do not hold up beats, and
 *     a server whose JetStream is stuck (2.9 with a full disk: it answers nothing more to who asked) still hears who is there.
 */
class NatsMesh implements Mesh {
  readonly self: string;
  readonly name: string;
  readonly presence: NatsPresence;
  readonly messages: NatsMessages;
  readonly records: NatsRecords;
  readonly results: NatsResults;
  readonly journals: NatsJournals;
  readonly objects: NatsObjects;
  readonly #post: Connection;
  readonly #connections: AsyncDisposable;

  constructor(post: Connection, engine: Engine, connections: AsyncDisposable) {
    const largest = (): number => largestOf(post);
    this.self = post.options.self;
    this.name = post.options.name;
    this.presence = new NatsPresence(post, engine.subjects, largest);
    this.messages = new NatsMessages(post, engine.subjects, largest);
    this.records = new NatsRecords(engine);
    this.results = new NatsResults(engine);
    this.journals = new NatsJournals(engine);
    this.objects = new NatsObjects(engine);
    this.#post = post;
    this.#connections = connections;
  }

  get link(): Link {
    return this.#post.link;
  }

  onLink(listener: (link: Link) => void): Disposable {
    return this.#post.onLink(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }
}
