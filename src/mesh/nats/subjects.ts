/**
 * Every name that a mesh has at nats-server: subjects, streams, the bucket. Nothing else of Docket speaks to the server under another name. docs/mesh-nats.md lists
 * the least rights an account needs; it follows from this file.
 *
 * With MESH for the mesh's name, DID for a member's:
 *
 * | subject | what | kept in |
 * | --- | --- | --- |
 * | `docket.MESH.beat.DID` | beats of that member | nothing |
 * | `docket.MESH.to.DID.FROM` | messages to that member | nothing |
 * | `docket.MESH.ask.DID.FROM` | questions to that member; the answer goes to the reply subject | nothing |
 * | `docket.MESH.askall.FROM` | questions to all; answers go to the reply subject with `.DID` of who answers behind it | nothing |
 * | `docket.MESH.in.SESSION.…` | answers, and what consumers deliver, to one connection of one member | nothing |
 * | `$KV.docket-MESH-records.KEY` | records: a key-value bucket as NATS has them, `nats kv ls docket-MESH-records` shows it | `KV_docket-MESH-records` |
 * | `docket.MESH.result.HEX` | results under that key, the newest 16 of whomever | `docket-MESH-results` |
 * | `docket.MESH.journal.NAME` | journals, several entries a message | `docket-MESH-journals` |
 * | `docket.MESH.object.CID.PUT.N` | chunk N of an object, as it was put that time | `docket-MESH-objects` |
 * | `docket.MESH.catalog.CID` | which objects are whole, and where their chunks lie | `docket-MESH-catalog` |
 *
 * A result's issuer stands in the message, not in its subject: what was filed last under a key is asked for 256 keys at a time, and nats-server 2.9 finds a subject
 * without wildcards by hash, but looks at every subject there is for one with a wildcard (measured: 48 ms a key at 200,000 results, instead of 0.02 ms).
 */
export class Subjects {
  readonly records: string;
  readonly results: string;
  readonly journals: string;
  readonly objects: string;
  readonly catalog: string;
  readonly #root: string;
  readonly #recordRoot: string;

  constructor(mesh: string) {
    this.#root = `docket.${mesh}`;
    this.#recordRoot = `$KV.docket-${mesh}-records`;
    this.records = `KV_docket-${mesh}-records`;
    this.results = `docket-${mesh}-results`;
    this.journals = `docket-${mesh}-journals`;
    this.objects = `docket-${mesh}-objects`;
    this.catalog = `docket-${mesh}-catalog`;
  }

  /** `*` for those of all members. */
  beat(did: string): string {
    return `${this.#root}.beat.${did}`;
  }

  /** `from`: `*` to hear those from everybody. */
  message(to: string, from: string): string {
    return `${this.#root}.to.${to}.${from}`;
  }

  question(to: string, from: string): string {
    return `${this.#root}.ask.${to}.${from}`;
  }

  questionToAll(from: string): string {
    return `${this.#root}.askall.${from}`;
  }

  inbox(session: string): string {
    return `${this.#root}.in.${session}`;
  }

  record(key: string): string {
    return `${this.#recordRoot}.${key}`;
  }

  /** The reverse of `record`. */
  recordKey(subject: string): string {
    return subject.slice(this.#recordRoot.length + 1);
  }

  /** Those whose keys begin with the words of `prefix` and go on; all for ''. */
  recordsUnder(prefix: string): string {
    return prefix === '' ? `${this.#recordRoot}.>` : `${this.#recordRoot}.${prefix}.>`;
  }

  /** `key`: hexadecimal, or `*`. */
  result(key: string): string {
    return `${this.#root}.result.${key}`;
  }

  /** `>` for all. */
  journal(name: string): string {
    return `${this.#root}.journal.${name}`;
  }

  /** Chunks of one time it was put; `>` for all of all. */
  object(rest: string): string {
    return `${this.#root}.object.${rest}`;
  }

  /** `*` for all. */
  cataloged(cid: string): string {
    return `${this.#root}.catalog.${cid}`;
  }
}

/** Who it is from, in the subject of a beat, message or question: the last word. */
export function lastWord(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}
