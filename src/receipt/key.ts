import type { CID } from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import { encodePooled } from '../ipld/dag-cbor-encode.ts';
import { sha3 } from '../ipld/hash.ts';
import type { Ipld, IpldMap } from '../ipld/value.ts';

/**
 * The names a result is filed under: mostly two.
 *
 * - The **resolved key** covers everything the guest can notice: the instruction with each promise replaced by what it gave, the
 *   limits it can run into, its grants and the op's `semantics`. Equal keys mean equal results, so it is the memo key.
 * - The **declared key** covers the same with each promise replaced by the declared key of the task it awaits. It needs no
 *   result at all, which lets a whole finished graph be recognized by its sinks, also when intermediates were collected. Being a
 *   Merkle hash over the awaited keys and not just over instruction CIDs, it changes when a limit or an op's semantics changes anywhere
 *   upstream. Only tasks whose whole upstream is pure and not forced may be looked up by it.
 *
 * What only the run may take that it was made for, since it has grants or its author wants no earlier result, is filed for whoever goes on with that run under a
 * third: a **run key**, over the run, the epoch of the drive that finished it, the task and its resolved key.
 *
 * The preimages of resolved keys are stored, so that `why` can compare two of them field by field.
 */

/** Fuel only where it is limited: then it decides too, and metered code also bounds how deep calls nest. */
interface NoticedLimits {
  readonly memory: number;
  readonly output: number;
  readonly openFiles: number;
  readonly fuel?: number | bigint;
}

/** What besides the instruction decides the result. */
export interface Conditions {
  /** The module the instruction's `rsc` stands for; absent when the op has none. Replaces `rsc`, which may be a mere path. */
  readonly module: CID | undefined;
  /** The limits a guest can notice; time is not among them, since running out of it is never memoized. */
  readonly limits: NoticedLimits;
  readonly grants: readonly string[];
  /** The op's own version number: raised when its output could change. */
  readonly semantics: number;
}

export interface Key {
  /** 32 bytes, SHA3-256 of the preimage. */
  readonly key: Uint8Array;
  /** DAG-CBOR map. */
  readonly preimage: Uint8Array;
}

const LENGTH = 32;

interface Named {
  readonly rsc: string;
  readonly op: string;
  readonly nnc: string | Uint8Array;
}

/** `input` is the instruction's input with every promise replaced. */
export function resolved(run: Named, input: Ipld, conditions: Conditions): Key {
  const preimage = encode({ ...common(run, conditions), input });
  return { key: sha3(preimage), preimage };
}

/** 32 bytes that stand for the conditions in declared keys; all tasks of a template have the same. */
export function digestOf({ module, limits, grants, semantics }: Conditions): Uint8Array {
  return sha3(encodePooled({ semantics, grants, limits: noticed(limits), module: module ?? null }));
}

/**
 * 32 bytes. `instruction` is the digest of its CID, `awaits` are the declared keys of the tasks awaited, in the order of the plan, and `conditions` is
 * what `digestOf` gives. All have one length, so that they need no frame; such a key is made for each task of each run, also of one that
 * finds everything.
 */
export function declared(instruction: Uint8Array, awaits: readonly Uint8Array[], conditions: Uint8Array): Uint8Array {
  const preimage = new Uint8Array(LENGTH * (2 + awaits.length));
  preimage.set(conditions);
  preimage.set(instruction, LENGTH);
  for (const [i, key] of awaits.entries()) preimage.set(key, LENGTH * (2 + i));
  return sha3(preimage);
}

/** Where a deterministic error of the same work is filed, for authors who asked for that: apart, so that it is never taken for a result. */
export function forError(key: Uint8Array): Uint8Array {
  const salted = new Uint8Array(key.length + 1);
  salted.set(key);
  return sha3(salted);
}

/** 32 bytes: of this task in this run, when it has this resolved key, and was finished in this drive. */
export function ofRun(run: string, epoch: number, task: number, key: Uint8Array): Uint8Array {
  return sha3(encode(['docket/run', run, epoch, task, key]));
}

function common(run: Named, { module, limits, grants, semantics }: Conditions): IpldMap {
  return {
    op: run.op,
    nonce: run.nnc,
    semantics,
    grants: [...grants],
    limits: noticed(limits),
    ...(module === undefined ? { resource: run.rsc } : { module }),
  };
}

function noticed({ memory, output, openFiles, fuel }: NoticedLimits): IpldMap {
  return fuel === undefined ? { memory, output, openFiles } : { memory, output, openFiles, fuel };
}
