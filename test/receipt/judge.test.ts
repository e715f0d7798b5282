import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ofValue } from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { generateSeed, keyOf, rememberingVerifiers } from '../../src/ipld/identity.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import { type Expected, judge } from '../../src/receipt/judge.ts';
import { toIpld } from '../../src/receipt/model.ts';
import { onlySelf, type Trust } from '../../src/receipt/trust.ts';
import { issued, key } from './helpers.ts';

const sample = await issued();
const plain = toIpld(sample.receipt);
const { meta } = sample.receipt;

const expected: Expected = {
  key: meta.key,
  module: meta.module ?? null,
  grants: meta.grants,
  limits: meta.limits as unknown as Expected['limits'],
  outcome: 'any',
};

const trust = onlySelf(key.did);

async function signed(value: Ipld, signer = key): Promise<Uint8Array> {
  return encode({ r: value, s: await signer.sign(encode(value)) });
}

function reasonOf(bytes: Uint8Array, wanted: Expected = expected, by: Pick<Trust, 'accepts'> = trust): string {
  const judgement = judge(bytes, wanted, by);
  return judgement.tag === 'accepted' ? 'accepted' : judgement.reason;
}

suite('Receipts from elsewhere', () => {
  test('what was asked for, by somebody who is trusted, is accepted with its outcome', () => {
    const judgement = judge(
      sample.bytes,
      { ...expected, receipt: sample.cid, invocation: sample.receipt.ran, attempt: meta.attempt },
      trust,
    );
    assert(judgement.tag === 'accepted');
    assert(judgement.cid.equals(sample.cid));
  });

  test('no flipped bit is let through', () => {
    for (let bit = 0; bit < sample.bytes.length * 8; bit++) {
      const flipped = sample.bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(reasonOf(flipped), 'accepted', `bit ${bit}`);
    }
  });

  test('with keys that are remembered nothing else is let through', async () => {
    const verifiers = rememberingVerifiers();
    const other = keyOf(generateSeed());
    for (let round = 0; round < 2; round++) {
      assert.equal(judge(sample.bytes, expected, trust, verifiers).tag, 'accepted');
      const forged = judge(await signed(plain, other), expected, trust, verifiers);
      assert(forged.tag === 'refused' && forged.reason === 'forged');
      const foreign = judge(await signed({ ...plain, iss: other.did }, other), expected, trust, verifiers);
      assert(foreign.tag === 'refused' && foreign.issuer === other.did);
    }
  });

  test('a signature by another, none at all, and bytes that are no receipt are told apart', async () => {
    const other = keyOf(generateSeed());
    assert.equal(reasonOf(await signed(plain, other)), 'forged');
    assert.equal(reasonOf(encode(plain)), 'unsigned');
    assert.equal(reasonOf(encode({ r: plain, s: new Uint8Array(64) })), 'forged');
    assert.equal(reasonOf(new Uint8Array()), 'unsigned');
    assert.equal(reasonOf(await signed({ ...plain, out: ['perhaps', 1] })), 'malformed');
    assert.equal(reasonOf(await signed({ ...plain, iss: 'did:web:example.org' })), 'malformed');
    assert.equal(reasonOf(await signed([1, 2])), 'malformed');
  });

  test('a sound receipt by a stranger, and by one who is distrusted, is refused and names who signed', async () => {
    const other = keyOf(generateSeed());
    const bytes = await signed({ ...plain, iss: other.did, meta: { ...(plain['meta'] as IpldMap), agent: other.did } }, other);
    const judgement = judge(bytes, expected, trust);
    assert(judgement.tag === 'refused');
    assert.deepEqual([judgement.reason, judgement.issuer], ['untrusted', other.did]);
    assert.equal(reasonOf(bytes, expected, { accepts: () => ({ kind: 'no', reason: 'distrusted', why: 'it lied' }) }), 'distrusted');
    assert.equal(reasonOf(bytes, expected, { accepts: () => ({ kind: 'yes' }) }), 'accepted');
  });

  const somethingElse = ofValue('something else');
  const others: Record<string, Partial<Expected>> = {
    key: { key: new Uint8Array(32) },
    receipt: { receipt: somethingElse },
    invocation: { invocation: somethingElse },
    instruction: { instruction: somethingElse },
    attempt: { attempt: meta.attempt + 1 },
    module: { module: somethingElse },
    grants: { grants: [...meta.grants, 'clock'] },
    memory: { limits: { ...expected.limits, memory: expected.limits.memory + 65_536 } },
    'limited fuel': { limits: { ...expected.limits, fuel: 10 } },
    outcome: { outcome: sample.receipt.out[0] === 'ok' ? 'error' : 'ok' },
  };
  for (const [name, other] of Object.entries(others)) {
    test(`a sound receipt that has another ${name} than was asked for is refused`, () => {
      assert.equal(reasonOf(sample.bytes, { ...expected, ...other }), 'other');
    });
  }

  const metas: Record<string, IpldMap> = {
    'no key': { key: undefined as unknown as Ipld },
    'another agent': { agent: keyOf(generateSeed()).did },
    'limited fuel': { limits: { ...(meta.limits as IpldMap), fuel: 5 } },
  };
  for (const [name, changed] of Object.entries(metas)) {
    test(`one that says ${name} and was signed for it is refused`, async () => {
      const wrong = Object.fromEntries(
        Object.entries({ ...(plain['meta'] as IpldMap), ...changed }).filter(([, value]) => value !== undefined),
      );
      assert.equal(reasonOf(await signed({ ...plain, meta: wrong })), 'other');
    });
  }
});
