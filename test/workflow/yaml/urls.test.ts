import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../../src/ipld/cid.ts';
import * as Resource from '../../../src/workflow/resource.ts';
import { isPure } from '../../../src/workflow/policy.ts';
import { compileText, MemorySources } from '../helpers.ts';
import { DocketError, isDocketError } from '../../../src/errors.ts';

const BLOB = Cid.ofBlob(new Uint8Array());
const SRI = Cid.toSri(BLOB);
const URL_ = 'https://example.com/a.wasm';

async function task(module: string, inputs: Record<string, string> = {}) {
  const plan = await compileText(`inputs: { where: { default: "" } }\ntasks: { t: { module: ${module} } }`, { inputs });
  return plan.tasks[0]!;
}

async function refused(module: string, message: RegExp, inputs: Record<string, string> = {}): Promise<void> {
  await assert.rejects(task(module, inputs), (error: DocketError) => {
    assert.ok(isDocketError(error, 'WORKFLOW_INVALID'), String(error));
    assert.match(error.message, message);
    assert.equal(error.place?.line, 2);
    return true;
  });
}

test('a module by URL is named by that, and by its hash if it has one', async () => {
  for (const module of [`"${URL_}#${SRI}"`, `{ url: "${URL_}", integrity: "${SRI}" }`]) {
    const { task: made, module: cid } = await task(module);
    assert.deepEqual([made.run.rsc, String(cid), isPure(made)], [`${URL_}#${SRI}`, BLOB.toString(), true]);
  }
  const plain = await task(`"HTTPS://Example.com/a.wasm"`);
  assert.deepEqual([plain.task.run.rsc, plain.module, isPure(plain.task)], [URL_, undefined, false]);
  const unixfs = Cid.ofUnixFs(Uint8Array.of(1));
  const gateway = await task(`"https://gateway.example/ipfs/${unixfs}"`);
  assert.deepEqual([String(gateway.module), isPure(gateway.task)], [unixfs.toString(), true]);
  assert.equal(String((await task(`{ cid: ${unixfs} }`)).module), unixfs.toString());
});

test('an integrity that cannot be checked is never taken for none', async () => {
  for (const behind of ['sha384-abc', 'md5-abc', 'sha256:abc', 'integrity=sha256-abc', 'part'])
    await refused(`"${URL_}#${behind}"`, /integrity .* can be checked/);
  await refused(`"${URL_}#sha256-abc="`, /integrity .* can be checked/);
  await refused(`{ url: "${URL_}", integrity: "sha384-abc" }`, /is no integrity/);
  await refused(`{ url: "${URL_}#x", integrity: "${SRI}" }`, /cannot have an integrity/);
  await refused(`{ url: "ipfs://${BLOB}", integrity: "${SRI}" }`, /cannot have an integrity/);
});

test('a name in a URL cannot make a path of it', async () => {
  await refused('{ url: "${inputs.where}" }', /"\/etc\/passwd" is no URL/, { where: '/etc/passwd' });
});

test('links in inputs are asked for once each, before tasks are made', async () => {
  const named: string[] = [];
  const sources = Object.assign(new MemorySources(), { named: async (cid: Cid.CID) => void named.push(cid.toString()) });
  const unixfs = Cid.ofUnixFs(Uint8Array.of(1));
  const yaml = `tasks: { t: { module: a.wasm, stdin: { cid: ${unixfs} }, files: { a: { cid: ${BLOB} }, b: { cid: ${BLOB} } } } }`;
  await compileText(yaml, { sources });
  assert.deepEqual(named.toSorted(), [unixfs.toString(), BLOB.toString()].toSorted());
  named.length = 0;
  const run = {
    rsc: 'a.wasm',
    op: 'wasm/run',
    input: { func: 'f', args: [{ '/': unixfs.toString() }, { 'await/ok': { '/': Cid.ofValue(1).toString() } }] },
  };
  await compileText(JSON.stringify({ tasks: [{ run, cause: null, meta: {}, prf: [] }] }), { sources, file: 'w.json' });
  assert.deepEqual(named, [unixfs.toString()], 'an instruction is no file');
});

test('what an rsc carries', () => {
  const v0 = 'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n';
  assert.equal(Resource.cidOf(`ipfs://${v0}`)?.toString(), Cid.parse(v0).toV1().toString());
  for (const rsc of [`https://h/ipfs/${BLOB}/a`, `ipfs://${BLOB}/a`, 'ipfs://x', URL_, `${URL_}#${SRI}x`, 'dns:x'])
    assert.equal(Resource.cidOf(rsc), undefined, rsc);
});
