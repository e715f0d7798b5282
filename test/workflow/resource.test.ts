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

test('paths behind CIDs', () => {
  const root = 'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354';
  for (const rsc of [
    `ipfs://${root}/a/b.wasm`,
    `ipfs://${root}/a/b.wasm/`,
    `http://localhost:8080/ipfs/${root}/a/b.wasm`,
    `https://${root}.ipfs.dweb.link/a/b.wasm`,
  ]) {
    const { root: found, path } = Resource.below(rsc)!;
    assert.deepEqual([found.toString(), path, Resource.isFixed(rsc), Resource.cidOf(rsc)], [root, 'a/b.wasm', true, undefined], rsc);
  }
  for (const rsc of [
    `ipfs://${root}`,
    `ipfs://${root}/`,
    `ipfs://${root}/a?x`,
    `ipfs://${root}/a#x`,
    `ipfs://${CID}/a.wasm`,
    `https://ipfs.io/ipns/${root}/a`,
    `https://ipfs.io/ipfs/nothing/a`,
    `https://example.com/x/ipfs/${root}/a`,
    `https://ipfs.io/ipfs/${root}/a#sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=`,
  ])
    assert.equal(Resource.below(rsc), undefined, rsc);
  assert.deepEqual(Resource.namesOf(Resource.below(`ipfs://${root}/a%20b/%C3%BC`)!), ['a b', 'ü']);
});
