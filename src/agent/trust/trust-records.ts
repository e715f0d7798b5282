import { DocketError } from '../../errors.ts';
import { publicKeyOf } from '../../ipld/did-key.ts';
import type { TrustList } from '../../protocol/trust.ts';
import type { Engine } from '../engine.ts';

/** What is said of other agents by hand, and what was found out about them, as a home keeps it. */

const MOST_REFUSALS = 1_000;

export function list({ ledger }: Engine): TrustList {
  return {
    agents: ledger.trust(),
    refusals: ledger.refusals(MOST_REFUSALS).map(({ issuer, ...rest }) => ({ issuer: issuer === '' ? null : issuer, ...rest })),
  };
}

/** Its results are taken, in every mode, also if it was distrusted. Throws `DID_INVALID`. */
export async function add(engine: Engine, did: string, name: string | undefined): Promise<void> {
  checkDid(engine, did);
  const { ledger, clock } = engine;
  const why = 'added by hand';
  await ledger.commit([{ kind: 'trust', did, verdict: 'trusted', name: name ?? null, why, at: clock.now(), evidence: [] }]);
}

/** Its results are not taken any more, in no mode. Throws `DID_INVALID`. */
export async function remove(engine: Engine, did: string): Promise<void> {
  checkDid(engine, did);
  const { ledger, clock } = engine;
  const row = ledger.trust().find((one) => one.did === did);
  // What it was found out by is not taken away by hand.
  if (row?.verdict === 'distrusted') return;
  const why = 'removed by hand';
  await ledger.commit([{ kind: 'trust', did, verdict: 'distrusted', name: null, why, at: clock.now(), evidence: [] }]);
}

function checkDid(engine: Engine, did: string): void {
  if (publicKeyOf(did) === undefined) throw new DocketError('DID_INVALID', `"${did.slice(0, 100)}" is no did:key of an Ed25519 key`);
  if (did === engine.key.did) throw new DocketError('DID_INVALID', `${did} is this agent itself, which believes itself`);
}
