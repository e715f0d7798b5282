import type { CID } from '../../ipld/cid.ts';
import { encode } from '../../ipld/dag-cbor.ts';
import type { IpldMap } from '../../ipld/value.ts';
import { SIGNATURE_LENGTH } from '../../ipld/signature.ts';
import type { Statement } from '../../receipt/statement.ts';
import { MESH_VERSION } from './member.ts';
import { count, data, entries, link, maps, misfit, own, readMessage, type Refused, text } from './message.ts';

/**
 * What members file in the mesh under a key, `docs/formats.md`. Under a resolved key the receipt says itself that it belongs there; under a declared one a
 * statement does. Nothing of it is verified here.
 */
export interface SharedResult {
  /** As signed. */
  readonly receipt: Uint8Array;
  /** Only under a declared key. */
  readonly statement: Statement | undefined;
  /** Small blobs the result names, by lower-case hex SHA2-256, so that it is of use after its issuer has gone; all together at most `MOST_SMALL_BYTES`. */
  readonly small: ReadonlyMap<string, Uint8Array>;
  /** Other blobs it names, which whoever filed this held then. */
  readonly held: readonly { readonly cid: CID; readonly size: number }[];
}

export const MOST_SMALL_BYTES = 65_536;
export const MOST_SMALL = 256;
export const MOST_HELD = 1_024;

const SMALL = 4_096;
/** Results above 4 KiB are blobs, so what is left of a receipt is far below. */
const RECEIPT = 262_144;
const DID = 256;
const DIGEST = /^[0-9a-f]{64}$/;

export function encodeShared({ receipt, statement, small, held }: SharedResult): Uint8Array {
  return encode({
    v: MESH_VERSION,
    receipt,
    ...(statement === undefined ? {} : { by: statement.by, said: statement.signature }),
    small: Object.fromEntries(small),
    held: held.map(({ cid, size }) => ({ cid, size })),
  });
}

export function decodeShared(bytes: Uint8Array): SharedResult | Refused {
  return readMessage(bytes, (map) => {
    let total = 0;
    const small = entries(map, 'small', MOST_SMALL, (value, name) => {
      if (!DIGEST.test(name)) misfit('small has a name that is no digest');
      if (!(value instanceof Uint8Array) || value.length > SMALL) misfit(`small has something that is no blob of at most ${SMALL} bytes`);
      total += value.length;
      return value;
    });
    if (total > MOST_SMALL_BYTES) misfit(`small has more than ${MOST_SMALL_BYTES} bytes`);
    return {
      receipt: data(map, 'receipt', RECEIPT),
      statement: statementIn(map),
      small: new Map(Object.entries(small)),
      held: maps(map, 'held', MOST_HELD, (item) => ({ cid: link(item, 'cid'), size: count(item, 'size') })),
    };
  });
}

function statementIn(map: IpldMap): Statement | undefined {
  if (own(map, 'by') === undefined && own(map, 'said') === undefined) return undefined;
  const signature = data(map, 'said', SIGNATURE_LENGTH);
  if (signature.length !== SIGNATURE_LENGTH) misfit(`said has not ${SIGNATURE_LENGTH} bytes`);
  return { by: text(map, 'by', DID), signature };
}
