import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Source } from '../../store/holders.ts';
import { RemoteStore } from '../../store/remote-store.ts';
import { DoorShut } from './door-connection.ts';
import type { HolderFound } from './holder-search.ts';
import { doorAt } from './member-fetch.ts';
import type { Surroundings } from './neighbors.ts';
import { takePieces } from './pieces.ts';
import type { Transfers } from './transfers.ts';
import type { Ways } from './ways.ts';

/**
 * One member that says that it has a blob.
 *
 * Invariants
 * M1. Its door is gone through if there is one that opens; else it is asked for pieces. Once bytes came by one way, the other is not begun.
 * M2. It is left when nothing moves for `IDLE` ms, when its first byte takes longer than the blob's size explains, or as soon as it is not present any more.
 */

const IDLE = 5_000;
/** What a member hashes in a ms at least, before it gives the first byte; and how long that may take at most, in ms. */
const HASHED = 100_000;
const MOST_PATIENCE = 300_000;
/** Time between two looks whether it is still there, in ms. */
const LOOK = 1_000;

export interface Bringing extends Surroundings {
  readonly ways: Ways;
  readonly clock: Clock;
  readonly transfers: Transfers;
}

export function memberSource({ did, size }: HolderFound, around: Bringing): Source {
  return { name: did, size, fetch: (cid, { signal, start = 0 }) => fetchFrom(did, cid, { ...around, size, start, signal }) };
}

async function* fetchFrom(
  did: string,
  cid: CID,
  around: Bringing & { readonly size: number; readonly start: number; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { mesh, neighbors, ways, clock, transfers, size, start, signal } = around;
  const gone = new AbortController();
  let cancel = (): void => {};
  const look = (): void => {
    if (neighbors.has(did)) cancel = clock.after(LOOK, look);
    else gone.abort(new DocketError('AGENT_TIMEOUT', `${did} has left the mesh, or is not heard any more`));
  };
  look();
  const until = AbortSignal.any([signal, gone.signal]);
  const patience = Math.min(IDLE + size / HASHED, MOST_PATIENCE);
  try {
    if (neighbors.hasDoor(did)) {
      let hasBegun = false;
      try {
        for await (const chunk of new RemoteStore({ ...doorAt(ways, did), idle: IDLE, patience }).fetch(cid, { signal: until, start })) {
          hasBegun = true;
          transfers.came('door', chunk.length);
          yield chunk;
        }
        return;
      } catch (error) {
        if (hasBegun || !(error instanceof DoorShut)) throw error;
      }
    }
    for await (const chunk of takePieces(cid, { messages: mesh.messages, start, from: did, patience, signal: until })) {
      transfers.came('pieces', chunk.length);
      yield chunk;
    }
  } finally {
    cancel();
  }
}
