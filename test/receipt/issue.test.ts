import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ofValue } from '../../src/ipld/cid.ts';
import { decode as decodeCbor, encode as encodeCbor } from '../../src/ipld/dag-cbor.ts';
import { verify as verifySignature } from '../../src/ipld/identity.ts';
import { isMap } from '../../src/ipld/value.ts';
import { issue, sign } from '../../src/receipt/issue.ts';
import { toIpld } from '../../src/receipt/model.ts';
import { decode, verify } from '../../src/receipt/verify.ts';
import { invocation, issued, key, meta } from './helpers.ts';

suite('Receipt.issue', () => {
  test('the bytes are DAG-CBOR of {r, s}, the CID is that of r', async () => {
    const { cid, receipt, bytes } = await issued();
    const envelope = decodeCbor(bytes);
    assert(isMap(envelope));
    assert.deepEqual(Object.keys(envelope), ['r', 's']);
    assert.deepEqual(envelope.r, toIpld(receipt));
    assert.equal(ofValue(toIpld(receipt)).toString(), cid.toString());
    assert(envelope.s instanceof Uint8Array && verifySignature(key.did, encodeCbor(toIpld(receipt)), envelope.s));
    assert.equal(bytes.buffer.byteLength, bytes.length, 'memory of its own');
  });

  test('what was issued decodes and verifies', async () => {
    const { cid, receipt, bytes } = await issued();
    assert.deepEqual(decode(bytes).receipt, receipt);
    assert.deepEqual(decode(bytes).cid, cid);
    assert.deepEqual(verify(bytes, cid), []);
    assert.deepEqual([receipt.ran, receipt.iss, receipt.prf, receipt.meta], [invocation, key.did, [], meta]);
  });

  test('the same execution gives the same receipt, byte for byte', async () => {
    assert.deepEqual(await issued(), await issued());
  });

  test('the CID of a pinned receipt does not change', async () => {
    assert.equal((await issued()).cid.toString(), 'bafyrmiawavr4qc3hstw2fyu7e5xazt7oyt32lcmlaka2vrozlmnbyxwmka');
    const lost = await issued({ tag: 'error', failure: { code: 'lost', message: 'the runner died', data: { signal: 'SIGKILL' } } });
    assert.equal(lost.cid.toString(), 'bafyrmibj43yxxrnrqxnw3dkshyc4mm7iz2jezxcsr5l762nag6rruk6gqa');
  });

  test('without key and module, for a task that never got that far', async () => {
    const { key: _key, module: _module, ...rest } = meta;
    const { cid, r } = issue({
      invocation,
      outcome: { tag: 'error', failure: { code: 'invalid', message: 'no such output' } },
      meta: rest,
      issuer: key.did,
    });
    assert.deepEqual(verify(await sign(r, key), cid), []);
  });

  test('a receipt larger than any buffer at hand', async () => {
    const value = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
    const { cid, r } = issue({ invocation, outcome: { tag: 'ok', value }, meta, issuer: key.did });
    const bytes = await sign(r, key);
    assert.deepEqual(verify(bytes, cid), []);
    assert.deepEqual(decode(bytes).receipt.out, ['ok', value]);
  });

  test('an outcome that is not IPLD is refused', () => {
    assert.throws(() => issue({ invocation, outcome: { tag: 'ok', value: Number.NaN }, meta, issuer: key.did }), {
      name: 'DocketError',
      code: 'IPLD_INVALID',
    });
  });
});
