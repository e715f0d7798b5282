import { isStored } from '../../ipld/cid.ts';
import type { FiledResult } from '../../mesh/mesh.ts';
import { decodeShared } from '../../protocol/mesh/shared-result.ts';
import { type Accepted, judge } from '../../receipt/judge.ts';
import { isStated } from '../../receipt/statement.ts';
import type { Refusal, Trust } from '../../receipt/trust.ts';
import type { FoundResult, Question } from '../../scheduler/shared-results.ts';
import { digestHex, hexOfBytes } from '../../store/digest.ts';
import { namedBlobs } from './named-blobs.ts';

/** Blobs of one result that are looked at. */
const MOST_NAMED = 4_096;

export type Read = { readonly found: FoundResult } | { readonly refused: Refusal };

/** What somebody filed under a key, if it is an answer to the question, sound, and of somebody who is believed. About 0.1 ms for each signature. */
export function readShared(filed: FiledResult, { table, key, expected }: Question, trust: Pick<Trust, 'accepts'>): Read {
  const shared = decodeShared(filed.value);
  if ('refused' in shared) return refuse('unreadable', filed.issuer, `what ${filed.issuer} is said to have filed: ${shared.problem}`);
  const judgement = judge(shared.receipt, expected, trust);
  // Bytes that name nobody stand under somebody's name all the same.
  if (judgement.tag === 'refused') return { refused: { ...judgement, issuer: judgement.issuer ?? filed.issuer } };
  const { statement } = shared;
  if (table === 'declared') {
    if (statement === undefined) return refuse('statement', filed.issuer, `nobody says that the receipt ${judgement.cid} belongs there`);
    // Before whether it is believed, so that nobody is named who did not sign.
    if (!isStated(statement, key, judgement.cid))
      return refuse('statement', statement.by, `${statement.by} did not say that ${judgement.cid} belongs there`);
    const acceptance = trust.accepts(statement.by);
    if (acceptance.kind === 'no') return refuse(acceptance.reason, statement.by, acceptance.why);
  }
  return { found: foundOf(judgement, filed.issuer, shared, table === 'declared' ? statement?.by : undefined) };
}

function foundOf(
  { cid, receipt, outcome }: Accepted,
  holder: string,
  { receipt: bytes, small, held }: Exclude<ReturnType<typeof decodeShared>, { readonly refused: unknown }>,
  heardOf: string | undefined,
): FoundResult {
  const sound = new Map([...small].filter(([digest, blob]) => hexOfBytes(blob) === digest));
  // What it does not name is not kept: anybody may have put it beside a sound receipt.
  const named = new Set([...namedBlobs([...receipt.out], (one) => sound.get(digestHex(one)), MOST_NAMED)].map(digestHex));
  return {
    cid,
    bytes,
    receipt,
    outcome,
    heardOf,
    small: new Map([...sound].filter(([digest]) => named.has(digest))),
    held: held.filter((one) => isStored(one.cid)),
    holder,
  };
}

function refuse(reason: Refusal['reason'], issuer: string, message: string): Read {
  return { refused: { reason, issuer, message } };
}
