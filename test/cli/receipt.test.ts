import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import * as Cid from '../../src/ipld/cid.ts';
import { type Failure, guest, Place, type Report } from './helpers.ts';

/** `docket receipt`, and what `docket show` says of CIDs. */

let place: Place;
let receipt: string;

interface Verdict {
  readonly cid: string;
  readonly good: boolean;
  readonly checks: readonly { readonly what: string; readonly state: string; readonly message?: string }[];
}

before(async () => {
  place = new Place();
  place.write('text', 'one two two\n');
  place.write(
    'w.yaml',
    `tasks:\n  count: { module: ${guest('count-words')}, files: { in/a: { file: text } }, args: [in/a] }\n  fail: { module: ${guest('exit')}, args: ["2"] }\n`,
  );
  await place.json<Report>('run', 'w.yaml');
  const { tasks } = await place.json<{ tasks: { label: string; receipt: string }[] }>('show', 'last');
  receipt = tasks.find(({ label }) => label === 'count')!.receipt;
});
after(() => place[Symbol.dispose]());

/** Changes the ledger behind Docket's back. */
function tamper(sql: string, ...parameters: Uint8Array[]): void {
  using db = new DatabaseSync(join(place.home, 'ledger.db'));
  db.prepare(sql).run(...parameters);
}

function find(sql: string, ...parameters: Uint8Array[]): Uint8Array {
  using db = new DatabaseSync(join(place.home, 'ledger.db'), { readOnly: true });
  return (db.prepare(sql).get(...parameters) as { found: Uint8Array }).found;
}

const bad = ({ checks }: Verdict): string[] => checks.filter(({ state }) => state === 'bad').map(({ what }) => what);

test('a receipt says what ran, what came out, what it cost and who signed', async () => {
  const shown = await place.json<{
    cid: unknown;
    signature: unknown;
    receipt: { out: [string, unknown]; iss: string; meta: Record<string, unknown> };
  }>('receipt', 'show', receipt);
  assert.deepEqual(shown.cid, { '/': receipt });
  assert.equal(shown.receipt.out[0], 'ok');
  assert.match(shown.receipt.iss, /^did:key:z6Mk/);
  for (const key of ['op', 'instruction', 'key', 'module', 'started', 'usage', 'limits', 'grants', 'agent', 'attempt', 'docket'])
    assert.ok(key in shown.receipt.meta, key);
  assert.deepEqual(JSON.parse(await place.out('show', receipt)), shown, 'for people the same with line breaks');
});

test('a sound receipt is sound with all it rests on', async () => {
  const verdict = await place.json<Verdict>('receipt', 'verify', receipt);
  assert.deepEqual([verdict.good, bad(verdict)], [true, []]);
  assert.ok(
    verdict.checks.some(({ what }) => what.startsWith('input bafk')) &&
      verdict.checks.some(({ what }) => what.startsWith('key: its seal, what it was made of')),
  );
  assert.match(await place.out('receipt', 'verify', receipt), /^good {7}receipt: CID, form and signature\n[^]*the receipt is sound\n$/);
});

test('a receipt of a failure is verified too, as far as what is kept of it goes', async () => {
  const { tasks } = await place.json<{ tasks: { label: string; receipt: string; error: string | null }[] }>('show', 'last');
  const failed = tasks.find(({ label }) => label === 'fail')!;
  assert.equal(failed.error, 'the program ended with exit status 2 [exit]');
  const verdict = await place.json<Verdict>('receipt', 'verify', failed.receipt);
  assert.equal(verdict.good, true);
  assert.deepEqual(verdict.checks.find(({ what }) => what === 'key')?.state, 'absent');
});

test('show says what a CID is', async () => {
  const { receipt: body } = await place.json<{ receipt: { meta: { instruction: { '/': string }; module: { '/': string } } } }>(
    'show',
    receipt,
  );
  const instruction = await place.json<{ receipts: { receipt: string; out: string }[] }>('show', body.meta.instruction['/']);
  assert.deepEqual(
    instruction.receipts.map((row) => [row.receipt, row.out]),
    [[receipt, 'ok']],
  );
  assert.equal((await place.json('show', body.meta.module['/']))['kind'], 'blob');
  const unknown = 'bafyrmihjplty3xphrnzydz323rx2iizudp3lcjj3zbvwbrouz3p7m4afs4';
  assert.equal((await place.json<Failure>('show', unknown)).error.code, 'CID_INVALID');
  for (const cid of [unknown, 'bafkqaaa']) assert.equal((await place.json<Failure>('receipt', 'show', cid)).error.code, 'RECEIPT_UNKNOWN');
  assert.equal((await place.json<Failure>('receipt', 'verify', 'nonsense')).error.code, 'CID_INVALID');
});

test('a flipped bit is found and named, wherever it is', async () => {
  const cid = Cid.parse(receipt).bytes;
  const whole = find('SELECT bytes AS found FROM receipts WHERE cid = ?', cid);
  const verdictWith = async (change: (bytes: Uint8Array) => void): Promise<string[]> => {
    const bytes = whole.slice();
    change(bytes);
    tamper('UPDATE receipts SET bytes = ? WHERE cid = ?', bytes, cid);
    const { status, stdout } = await place.docket(['receipt', 'verify', receipt, '--json']);
    assert.equal(status, 1);
    return bad(JSON.parse(stdout) as Verdict);
  };
  assert.deepEqual(await verdictWith((bytes) => void (bytes[bytes.length - 1]! ^= 1)), ['receipt: signature']);
  assert.ok((await verdictWith((bytes) => void (bytes[100]! ^= 1))).includes('receipt: cid'));
  assert.deepEqual(await verdictWith((bytes) => void (bytes[0]! ^= 1)), ['receipt: envelope']);
  tamper('UPDATE receipts SET bytes = ? WHERE cid = ?', whole, cid);
  assert.equal((await place.docket(['receipt', 'verify', receipt])).status, 0);

  const preimage = find('SELECT preimage AS found FROM resolved').slice();
  preimage[10]! ^= 1;
  tamper('UPDATE resolved SET preimage = ?', preimage);
  const damaged = await place.json<Verdict>('receipt', 'verify', receipt);
  assert.deepEqual(bad(damaged), ['key: its seal, what it was made of, and the digest of the output']);
  assert.match(damaged.checks.find(({ state }) => state === 'bad')!.message!, /does not hash to it/);
});

test('proofs are carried, counted, and said not to be evaluated', async () => {
  const proof = { '/': Cid.ofBlob(Buffer.from('a token')).toString() };
  const task = {
    cause: null,
    meta: {},
    prf: [proof],
    run: { rsc: guest('numeric'), op: 'wasm/run', input: { func: 'add', args: [1, 2] }, nnc: '' },
  };
  place.write('proved.json', JSON.stringify({ tasks: [task] }));
  assert.equal((await place.json<Report>('run', 'proved.json')).state, 'completed');
  const [proved] = (await place.json<{ tasks: { receipt: string }[] }>('show', 'last')).tasks;
  const shown = await place.json<{ receipt: { prf: unknown } }>('receipt', 'show', proved!.receipt);
  assert.deepEqual(shown.receipt.prf, [proof]);
  const verdict = await place.json<Verdict>('receipt', 'verify', proved!.receipt);
  assert.equal(verdict.good, true);
  assert.deepEqual(
    verdict.checks.filter(({ state }) => state === 'unchecked').map(({ what }) => what),
    ['proofs'],
  );
  assert.match(
    await place.out('receipt', 'verify', proved!.receipt),
    /^unchecked  proofs: UCAN proofs the task brought: 1\. .* not evaluated$/m,
  );
});
