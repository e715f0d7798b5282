import { type CID, ofValue, ofValueDigest } from '../ipld/cid.ts';
import { encodeListHead, encodePooled } from '../ipld/dag-cbor-encode.ts';
import { sha3OfParts } from '../ipld/hash.ts';
import type { Instruction, Task } from './model.ts';

/**
 * CIDs of instructions, invocations and workflows. Only the known keys count; whatever else an object holds is left out. Each
 * record contains the one before it, so the bytes of a workflow are put together from those of its instructions, each encoded once.
 */

/** Both CIDs of a task. */
export function identify(task: Task): { readonly instruction: CID; readonly invocation: CID } {
  const { rsc, op, input, nnc } = task.run;
  return { instruction: ofValue({ rsc, op, input, nnc }), invocation: invocationOf(task) };
}

/** CID of `{task}`, which receipts name in `ran`. */
export function invocationOf({ run, cause, meta, prf }: Task): CID {
  const { rsc, op, input, nnc } = run;
  return ofValue({ task: { run: { rsc, op, input, nnc }, cause, meta, prf } });
}

const ascii = (text: string): number[] => Array.from(text, (char) => char.charCodeAt(0));

// Map keys in DAG-CBOR's order: shorter first, then bytewise.
const PROOFS = Uint8Array.from([0xa4, 0x63, ...ascii('prf')]);
const RUN = Uint8Array.from([0x63, ...ascii('run')]);
const META = Uint8Array.from([0x64, ...ascii('meta')]);
const CAUSE = Uint8Array.from([0x65, ...ascii('cause')]);
const WORKFLOW = Uint8Array.from([0xa1, 0x65, ...ascii('tasks')]);

/** Bytes gathered at first, and at most: most workflows are of a few tasks, and of one per job there are thousands a second. */
const FIRST_CHUNK = 2 ** 12;
const CHUNK = 2 ** 20;
const EMPTY_LIST = encodeListHead(0);
const NULL = Uint8Array.of(0xf6);

/** Names the tasks of one workflow, then the workflow. */
export class WorkflowNamer {
  #count = 0;
  readonly #full: Uint8Array[] = [];
  #chunk = new Uint8Array(FIRST_CHUNK);
  #used = 0;

  /** DAG-CBOR of an instruction, in memory that is only good until the task is added. */
  encode({ rsc, op, input, nnc }: Instruction): Uint8Array {
    return encodePooled({ op, nnc, rsc, input });
  }

  /** Adds a task; `run` is its encoded instruction, `meta` its encoded `meta`, which many tasks share. */
  add(run: Uint8Array, { cause, prf }: Task, meta: Uint8Array): void {
    this.#count++;
    this.#write(PROOFS);
    this.#write(prf.length === 0 ? EMPTY_LIST : encodePooled(prf));
    this.#write(RUN);
    this.#write(run);
    this.#write(META);
    this.#write(meta);
    this.#write(CAUSE);
    this.#write(cause === null ? NULL : encodePooled(cause));
  }

  /** CID of `{tasks}` with the tasks added, in that order. */
  workflow(): CID {
    return ofValueDigest(sha3OfParts([WORKFLOW, encodeListHead(this.#count), ...this.#full, this.#chunk.subarray(0, this.#used)]));
  }

  #write(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#chunk.length) {
      this.#full.push(this.#chunk.subarray(0, this.#used));
      this.#chunk = new Uint8Array(Math.max(Math.min(CHUNK, 4 * this.#chunk.length), bytes.length));
      this.#used = 0;
    }
    this.#chunk.set(bytes, this.#used);
    this.#used += bytes.length;
  }
}
