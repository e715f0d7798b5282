import { Gate } from '../../base/gate.ts';
import { isDocketError } from '../../errors.ts';
import { parseReference } from '../../manifest/reference.ts';
import * as Holdings from '../../protocol/mesh/holdings.ts';
import type { Refused } from '../../protocol/mesh/message.ts';
import type { Store } from '../../store/store.ts';
import type { Engine } from '../engine.ts';
import * as Modules from '../named-modules.ts';

/**
 * Answers members' questions about the blobs and names of this home: of it alone, so that no question goes round.
 *
 * Invariants
 * H1. An answer is bounded by its question, and reading for it by a gate: who asks for more at a time waits, and gives up by its own patience.
 * H2. Of a blob nothing is given that was not verified; whoever puts pieces together verifies the whole all the same.
 */

/** Undefined: nothing to say. */
export type Answer = (from: string, question: Uint8Array) => Promise<Uint8Array | Refused | undefined>;

/** Pieces that are read at a time. */
const READ_AT_ONCE = 8;
/** Of a message, what is not the bytes of a piece. */
export const PIECE_OVERHEAD = 256;

interface HoldingsOptions {
  /** Bytes of a message. */
  readonly largest: number;
  readonly signal: AbortSignal;
}

/** By the kind of the question. */
export function holdingsOf(
  engine: Engine,
  { largest, signal }: HoldingsOptions,
): Readonly<Record<'has' | 'module' | 'alias' | 'piece', Answer>> {
  const gate = new Gate(READ_AT_ONCE);
  const { store } = engine;
  return {
    async has(_from, question) {
      const asked = Holdings.decodeHas(question);
      if ('refused' in asked) return asked;
      const held = new Map<number, number>();
      for (const [index, cid] of asked.cids.entries()) {
        const stat = await store.stat(cid);
        if (stat !== undefined) held.set(index, stat.size);
      }
      return held.size === 0 && !asked.everybody ? undefined : Holdings.encodeHeld(held);
    },
    async module(_from, question) {
      const asked = Holdings.decodeModuleQuestion(question);
      if ('refused' in asked) return asked;
      try {
        return Holdings.encodeModuleAnswer(Modules.find(engine, parseReference(asked.reference)));
      } catch (error) {
        if (isDocketError(error, 'MANIFEST_UNKNOWN')) return undefined;
        if (isDocketError(error)) return { refused: 'shape', problem: error.message };
        throw error;
      }
    },
    async alias(_from, question) {
      const asked = Holdings.decodeAliasQuestion(question);
      if ('refused' in asked) return asked;
      const blob = engine.ledger.alias(asked.name.toV1());
      return blob === undefined ? undefined : Holdings.encodeAliasAnswer(blob);
    },
    async piece(_from, question) {
      const asked = Holdings.decodePieceQuestion(question);
      if ('refused' in asked) return asked;
      if (asked.length > largest - PIECE_OVERHEAD)
        return { refused: 'shape', problem: `a piece of ${asked.length} bytes is more than a message may have` };
      using _ = await gate.enter(signal);
      return await readPiece(store, asked, signal);
    },
  };
}

/** Undefined if it is not here whole. */
async function readPiece(
  store: Store,
  { cid, offset, length }: Holdings.PieceQuestion,
  signal: AbortSignal,
): Promise<Uint8Array | Refused | undefined> {
  const stat = await store.stat(cid);
  if (stat === undefined) return undefined;
  if (offset > stat.size) return { refused: 'shape', problem: `a piece from byte ${offset} on, of a blob that has ${stat.size}` };
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of store.get(cid, { start: offset, end: Math.min(offset + length, stat.size), signal })) chunks.push(chunk);
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'BLOB_DAMAGED')) return undefined;
    throw error;
  }
  return Holdings.encodePiece({ size: stat.size, bytes: Buffer.concat(chunks) });
}
