import type { Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Source } from './holders.ts';

/**
 * What is fetched goes to the disk before it can be verified, so who gives it is held to two things: no more bytes than it said the blob has, and a least rate. The first
 * bounds the disk that a lie takes, by a number that the liar had to say before; the second the time.
 */

/** Bytes in a ms of waiting, and the ms of waiting after which that is asked. The time in which nobody reads is not the giver's. */
const LEAST_RATE = 4;
const WINDOW = 30_000;

/** As `source.fetch`. Throws besides `AGENT_INVALID` when it gives too much, `AGENT_TIMEOUT` when it gives too slowly. */
export async function* fetchHeldTo(
  source: Source,
  cid: CID,
  { signal, start = 0, clock }: { readonly signal: AbortSignal; readonly start?: number; readonly clock: Clock },
): AsyncGenerator<Uint8Array> {
  const { name, size = Number.POSITIVE_INFINITY } = source;
  let offset = start;
  let waited = 0;
  let came = 0;
  let asked = clock.monotonic();
  for await (const chunk of source.fetch(cid, { signal, start })) {
    waited += clock.monotonic() - asked;
    came += chunk.length;
    offset += chunk.length;
    if (offset > size) throw new DocketError('AGENT_INVALID', `${name} gives more of ${cid} than the ${size} bytes it said it has`);
    if (waited >= WINDOW) {
      if (came < waited * LEAST_RATE)
        throw new DocketError('AGENT_TIMEOUT', `${name} gave ${came} bytes of ${cid} in ${Math.round(waited / 1_000)} s`);
      waited = came = 0;
    }
    yield chunk;
    asked = clock.monotonic();
  }
}
