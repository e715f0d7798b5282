import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Resource from '../../src/workflow/resource.ts';

const CID = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';

test('URLs are normalized as browsers do; paths and file URLs stay as written', () => {
  const cases: readonly (readonly [string, string])[] = [
    [`ipfs://${CID}`, `ipfs://${CID}`],
    ['HTTPS://Example.COM:443/a/../b c', 'https://example.com/b%20c'],
    ['file:a.wasm', 'file:a.wasm'],
    ['file:///x/../a.wasm', 'file:///x/../a.wasm'],
    ['../a.wasm', '../a.wasm'],
    ['https://', 'https://'],
  ];
  for (const [written, normal] of cases) assert.equal(Resource.normalize(written), normal);
});

test('what lies on this machine', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['a.wasm', 'a.wasm'],
    ['./b/a.wasm', './b/a.wasm'],
    ['/a.wasm', '/a.wasm'],
    ['file:a.wasm', 'a.wasm'],
    ['file:./a.wasm', './a.wasm'],
    ['file:/a.wasm', '/a.wasm'],
    ['file:///a%20b.wasm', '/a b.wasm'],
    ['file://localhost/a.wasm', '/a.wasm'],
    ['file:100%.wasm', '100%.wasm'],
  ];
  for (const [rsc, path] of cases) {
    assert.equal(Resource.isLocal(rsc), true, rsc);
    assert.equal(Resource.localPath(rsc), path);
    assert.equal(Resource.cidOf(rsc), undefined);
  }
  for (const rsc of [`ipfs://${CID}`, 'https://example.com/a.wasm', 'data:,x']) assert.equal(Resource.isLocal(rsc), false, rsc);
});

test('CIDs in URLs', () => {
  for (const rsc of [
    `ipfs://${CID}`,
    `ipfs://${CID}/`,
    `https://ipfs.io/ipfs/${CID}`,
    `http://localhost:8080/ipfs/${CID}`,
    `https://${CID}.ipfs.dweb.link/`,
    `https://${CID}.ipfs.dweb.link`,
  ]) {
    assert.equal(Resource.cidOf(rsc)?.toString(), CID, rsc);
  }
  for (const rsc of [
    `ipfs://${CID}/a.wasm`,
    'ipfs://',
    'ipfs://nothing',
    `https://example.com/${CID}`,
    `https://ipfs.io/ipns/${CID}`,
    `https://ipfs.io/ipfs/${CID}/a.wasm`,
  ]) {
    assert.equal(Resource.cidOf(rsc), undefined, rsc);
  }
});
