import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { fromBytes } from '../ipld/cid-bytes.ts';
import { decode, encode } from '../ipld/dag-cbor.ts';
import { itemsIn } from '../ipld/dag-cbor-census.ts';
import { failureMap, failureOf } from '../receipt/out.ts';
import { type Ipld, integer, isLink, isMap } from '../ipld/value.ts';
import type { Logs, Outcome, Usage } from '../receipt/outcome.ts';
import { NO_FUEL } from '../workflow/limits.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { HEADER, MAX_FRAME } from './frames.ts';
import { MOST_VALUES } from '../ipld/large-value.ts';
import type { Job, JobEnd } from './job.ts';

/**
 * What crosses the pipes of a slot process. In: jobs. Out: `ready` once, then one `end` for each job, in the order the jobs came.
 * The fields have fixed places; only what is free in shape (input, outcome) is DAG-CBOR, which costs more to decode than all the rest.
 */

export type Message = { readonly kind: 'ready' } | { readonly kind: 'end'; readonly end: JobEnd };

const READY = 1;
const END = 2;

/** How a job ended. */
const FAILED = 0;
const OK = 1;
const OK_WITH_LOGS = 2;

/** Encodes messages, with their length before them. Holds a buffer that is reused. */
export class Encoder {
  readonly #out = new ByteWriter();

  /** Throws `INTERNAL` if it is larger than a message may be. */
  job(job: Job): Uint8Array {
    const out = this.#begin();
    out.u32(job.id);
    out.text(job.op);
    out.bytes(job.module.bytes);
    out.bytes(encode(job.input));
    out.f64(job.limits.memory);
    out.f64(job.limits.time);
    out.f64(job.limits.output);
    out.f64(job.limits.openFiles);
    out.u64(job.limits.fuel ?? NO_FUEL);
    out.u32(job.grants.length);
    for (const grant of job.grants) out.text(grant);
    out.bytes(job.seed);
    this.#small(job.small);
    return this.#finish();
  }

  ready(): Uint8Array {
    this.#begin().u8(READY);
    return this.#finish();
  }

  end(end: JobEnd): Uint8Array {
    const out = this.#begin();
    out.u8(END);
    out.u32(end.id);
    this.#outcome(end.outcome);
    out.f64(end.usage.wall);
    out.f64(end.usage.cpu);
    out.f64(end.usage.memory);
    out.f64(end.usage.output);
    out.u64(end.usage.fuel ?? NO_FUEL);
    this.#small(end.small);
    out.u32(end.written.length);
    for (const cid of end.written) out.bytes(cid.bytes);
    return this.#finish();
  }

  #begin(): ByteWriter {
    this.#out.finish();
    this.#out.u32(0);
    return this.#out;
  }

  #finish(): Uint8Array {
    const length = this.#out.length - HEADER;
    if (length > MAX_FRAME) throw new DocketError('INTERNAL', `a message of ${length} bytes is too large for a slot's pipe`);
    this.#out.patchU32(0, length);
    return this.#out.finish();
  }

  #outcome(outcome: Outcome): void {
    if (outcome.tag === 'error') {
      this.#out.u8(FAILED);
      this.#out.bytes(encode(failureMap(outcome.failure)));
      return;
    }
    const { value, logs } = outcome;
    this.#out.u8(logs === undefined ? OK : OK_WITH_LOGS);
    this.#out.bytes(encode(value));
    if (logs !== undefined) this.#out.bytes(encode({ ...logs }));
  }

  #small(small: ReadonlyMap<string, Uint8Array>): void {
    this.#out.u32(small.size);
    for (const [hex, bytes] of small) {
      this.#out.raw(Buffer.from(hex, 'hex'));
      this.#out.bytes(bytes);
    }
  }
}

/** Throws `INTERNAL`, `IPLD_INVALID`. */
export function decodeJob(bytes: Uint8Array): Job {
  const from = new ByteReader(bytes);
  const job: Job = {
    id: from.u32(),
    op: from.text(),
    module: readCid(from),
    input: decode(from.bytes()),
    limits: { memory: from.f64(), time: from.f64(), output: from.f64(), openFiles: from.f64(), ...readFuel(from) },
    grants: from.list(() => from.text()),
    seed: from.bytes(),
    small: readSmall(from),
  };
  from.end();
  return job;
}

/** A slot process runs code nobody trusts, so all it sends is checked. Throws `INTERNAL`, `IPLD_INVALID`. */
export function decodeMessage(bytes: Uint8Array): Message {
  const from = new ByteReader(bytes);
  const kind = from.u8();
  if (kind === READY) {
    from.end();
    return { kind: 'ready' };
  }
  if (kind !== END) throw new DocketError('INTERNAL', `a slot process sent a message of the unknown kind ${kind}`);
  const end: JobEnd = {
    id: from.u32(),
    outcome: readOutcome(from),
    usage: readUsage(from),
    small: readSmall(from),
    written: from.list(() => readCid(from)),
  };
  from.end();
  return { kind: 'end', end };
}

function readCid(from: ByteReader): CID {
  const cid = fromBytes(from.bytes().slice());
  if (cid === undefined) throw new DocketError('INTERNAL', 'a message between Docket and a slot process names something by what is no CID');
  return cid;
}

function readOutcome(from: ByteReader): Outcome {
  const kind = from.u8();
  const bytes = from.bytes();
  // The slot looked as well; but what it sends is not to be believed, and building it could end this process.
  if (itemsIn(bytes, MOST_VALUES) > MOST_VALUES) throw new DocketError('INTERNAL', `a slot process sent more than ${MOST_VALUES} values`);
  const value = decode(bytes);
  if (kind === FAILED) return { tag: 'error', failure: failureOf(value) };
  return kind === OK_WITH_LOGS ? { tag: 'ok', value, logs: readLogs(decode(from.bytes())) } : { tag: 'ok', value };
}

function readLogs(value: Ipld): Logs {
  const { stdout = '', stderr = '' } = isMap(value) ? value : {};
  if (![stdout, stderr].every((stream) => stream instanceof Uint8Array || isLink(stream)))
    throw new DocketError('INTERNAL', 'a slot process sent a log that is none');
  return { stdout, stderr };
}

function readUsage(from: ByteReader): Usage {
  const usage = { wall: from.f64(), cpu: from.f64(), memory: from.f64(), output: from.f64() };
  const { memory, output } = usage;
  const isUsage = Object.values(usage).every((amount) => Number.isFinite(amount) && amount >= 0);
  if (!isUsage || !Number.isSafeInteger(memory) || !Number.isSafeInteger(output))
    throw new DocketError('INTERNAL', 'a slot process sent a use of resources that is no amount');
  return { ...usage, ...readFuel(from) };
}

/** What means none as a limit stands for no fuel counted, too. */
function readFuel(from: ByteReader): { readonly fuel?: number | bigint } {
  const fuel = from.u64();
  return fuel === NO_FUEL ? {} : { fuel: integer(fuel) };
}

function readSmall(from: ByteReader): Map<string, Uint8Array> {
  return new Map(from.list(() => [Buffer.from(from.raw(32)).toString('hex'), from.bytes()]));
}
