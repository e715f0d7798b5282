import { DocketError, isDocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Messages } from '../../mesh/mesh.ts';
import { decodePiece, encodePieceQuestion } from '../../protocol/mesh/holdings.ts';
import { PIECE_OVERHEAD } from './holdings.ts';

/**
 * A blob from a member whose door cannot be reached, in pieces over the mesh's engine.
 *
 * Invariants
 * P1. `WINDOW` pieces are under way at a time, and given in order: so many are in memory at most, however large the blob.
 * P2. A piece that does not come is asked for again, `ATTEMPTS` times in all; questions may be lost, and answers come twice.
 * P3. All pieces say the same size, and each has as many bytes as it must. What they are is for the reader to verify.
 */

const WINDOW = 4;
const ATTEMPTS = 3;
/** How long one piece may take, in ms; the first may have to wait until the blob was hashed. */
const PATIENCE = 5_000;
/** Bytes; more would keep the engine's other messages waiting. */
const LARGEST_PIECE = 512 * 1024;

interface Taking {
  readonly messages: Pick<Messages, 'ask' | 'largest'>;
  readonly from: string;
  /** Default 0. */
  readonly start?: number;
  /** Milliseconds for the first piece. */
  readonly patience: number;
  readonly signal: AbortSignal;
}

/** Throws `AGENT_UNREACHABLE`, `AGENT_INVALID`, `MESH_UNREACHABLE`, the signal's reason. */
export async function* takePieces(cid: CID, { messages, from, start = 0, patience, signal }: Taking): AsyncGenerator<Uint8Array> {
  const length = Math.min(LARGEST_PIECE, messages.largest - PIECE_OVERHEAD);
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const take = async (offset: number, first: number): Promise<{ readonly size: number; readonly bytes: Uint8Array }> => {
    const question = encodePieceQuestion({ cid, offset, length });
    for (let attempt = 1; ; attempt++) {
      try {
        const piece = decodePiece(await messages.ask(from, question, { patience: first, signal: until }));
        if ('refused' in piece) throw invalid(from, piece.problem);
        return piece;
      } catch (error) {
        if (!isDocketError(error, 'MESH_NO_ANSWER')) throw error;
        if (attempt === ATTEMPTS)
          throw new DocketError('AGENT_UNREACHABLE', `${from} does not give the piece of ${cid} from byte ${offset} on`, { cause: error });
      }
    }
  };
  try {
    const { size, bytes } = await take(start, Math.max(PATIENCE, patience));
    const check = (piece: { readonly size: number; readonly bytes: Uint8Array }, offset: number): Uint8Array => {
      if (piece.size !== size || piece.bytes.length !== Math.min(length, Math.max(0, size - offset)))
        throw invalid(from, `the piece of ${cid} from byte ${offset} on has not the bytes it must have`);
      return piece.bytes;
    };
    yield check({ size, bytes }, start);
    const underWay: { readonly offset: number; readonly piece: ReturnType<typeof take> }[] = [];
    for (let next = start + length; next < size || underWay.length > 0;) {
      for (; next < size && underWay.length < WINDOW; next += length) {
        const piece = take(next, PATIENCE);
        // Told when it is its turn; there may be nobody any more.
        piece.catch(() => undefined);
        underWay.push({ offset: next, piece });
      }
      const { offset, piece } = underWay.shift()!;
      yield check(await piece, offset);
    }
  } finally {
    stop.abort(new DocketError('CANCELLED', `nobody wants pieces of ${cid} any more`));
  }
}

function invalid(from: string, what: string): DocketError {
  return new DocketError('AGENT_INVALID', `${from} does not answer as an agent does: ${what}`);
}
