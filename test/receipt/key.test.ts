import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { decode } from '../../src/ipld/dag-cbor.ts';
import { sha3 } from '../../src/ipld/hash.ts';
import { isMap } from '../../src/ipld/value.ts';
import * as Key from '../../src/receipt/key.ts';

const module = Cid.ofBlob(new TextEncoder().encode('module'));
const instruction = Cid.ofValue('an instruction');
const run = { rsc: `ipfs://${module}`, op: 'wasm/run', nnc: '' };
const conditions: Key.Conditions = { module, limits: { memory: 65536, output: 1, openFiles: 4 }, grants: [], semantics: 1 };
const hex = ({ key }: Key.Key): string => Buffer.from(key).toString('hex');

describe('resolved key', () => {
  const base = Key.resolved(run, { args: [1] }, conditions);

  it('is the hash of its preimage', () => {
    assert.deepEqual(sha3(base.preimage), base.key);
  });

  const changes: Record<string, Key.Key> = {
    'an input': Key.resolved(run, { args: [2] }, conditions),
    'the op': Key.resolved({ ...run, op: 'wasi/run' }, { args: [1] }, conditions),
    'the nonce': Key.resolved({ ...run, nnc: 'n' }, { args: [1] }, conditions),
    'the module': Key.resolved(run, { args: [1] }, { ...conditions, module: Cid.ofBlob(new Uint8Array(1)) }),
    'the memory cap': Key.resolved(run, { args: [1] }, { ...conditions, limits: { ...conditions.limits, memory: 131072 } }),
    'the output limit': Key.resolved(run, { args: [1] }, { ...conditions, limits: { ...conditions.limits, output: 2 } }),
    'the limit of open files': Key.resolved(run, { args: [1] }, { ...conditions, limits: { ...conditions.limits, openFiles: 5 } }),
    'a limit of fuel': Key.resolved(run, { args: [1] }, { ...conditions, limits: { ...conditions.limits, fuel: 1000 } }),
    'a grant': Key.resolved(run, { args: [1] }, { ...conditions, grants: ['clock'] }),
    "the op's semantics": Key.resolved(run, { args: [1] }, { ...conditions, semantics: 2 }),
  };
  for (const [what, changed] of Object.entries(changes)) {
    it(`changes with ${what}`, () => assert.notEqual(hex(changed), hex(base)));
  }

  it('is without a limit of fuel what it was before there was one', () => {
    assert.equal(hex(base), 'be1b8ff82ae39bf48c327454f61b2147f88ac80ef1a97d63c0d49773502053ac');
    assert.equal(Buffer.from(Key.digestOf(conditions)).toString('hex'), 'c015be91dafe4fe62ad434a33af61bc7f66bad903cb6d2bcf1dd48b91ee292c4');
  });

  it('does not depend on where the module came from, only on what it is', () => {
    assert.equal(hex(Key.resolved({ ...run, rsc: 'file:./m.wasm' }, { args: [1] }, conditions)), hex(base));
  });

  it('names the resource where there is no module', () => {
    const preimage = decode(Key.resolved({ ...run, rsc: 'https://example.org/x' }, {}, { ...conditions, module: undefined }).preimage);
    assert.equal(isMap(preimage) && preimage['resource'], 'https://example.org/x');
  });
});

describe('declared key', () => {
  const { digest } = Cid.ofValue('an instruction').multihash;
  const own = Key.digestOf(conditions);
  const base = Key.declared(digest, [], own);

  const changes: Record<string, Key.Conditions> = {
    'the module': { ...conditions, module: Cid.ofBlob(new Uint8Array(1)) },
    'the lack of a module': { ...conditions, module: undefined },
    'the memory cap': { ...conditions, limits: { ...conditions.limits, memory: 131072 } },
    'the output limit': { ...conditions, limits: { ...conditions.limits, output: 2 } },
    'the limit of open files': { ...conditions, limits: { ...conditions.limits, openFiles: 5 } },
    'a limit of fuel': { ...conditions, limits: { ...conditions.limits, fuel: 2n ** 60n } },
    'a grant': { ...conditions, grants: ['clock'] },
    "the op's semantics": { ...conditions, semantics: 2 },
  };
  for (const [what, changed] of Object.entries(changes)) {
    it(`changes with ${what}`, () => assert.notDeepEqual(Key.declared(digest, [], Key.digestOf(changed)), base));
  }

  it('changes with the instruction', () => {
    assert.notDeepEqual(Key.declared(Cid.ofValue('another').multihash.digest, [], own), base);
  });

  it('changes with the declared key of a task it awaits, so that a limit changed upstream shows', () => {
    const one = Key.declared(digest, [base], own);
    const upstream = Key.declared(digest, [], Key.digestOf(changes['the memory cap']!));
    assert.notDeepEqual(Key.declared(digest, [upstream], own), one);
    assert.notDeepEqual(one, base);
    assert.notDeepEqual(Key.declared(digest, [base, upstream], own), Key.declared(digest, [upstream, base], own));
  });

  it('is never a resolved key, nor the name of an error', () => {
    assert.notDeepEqual(base, Key.resolved(run, instruction, conditions).key);
    assert.notDeepEqual(Key.forError(base), base);
  });
});

describe('run key', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);

  it('is the hash of the run, the drive, the task and its resolved key', () => {
    // Of the CBOR written out by hand: ["docket/run", "RUN1", 3, 7, bytes].
    const expected = 'b52f5cd58ac3fbd6379bfc2ea32d10ed12003877f31983d79b0994104fb22947';
    assert.equal(Buffer.from(Key.ofRun('RUN1', 3, 7, key)).toString('hex'), expected);
  });

  it('differs by each', () => {
    const all = [
      Key.ofRun('RUN1', 3, 7, key),
      Key.ofRun('RUN2', 3, 7, key),
      Key.ofRun('RUN1', 4, 7, key),
      Key.ofRun('RUN1', 3, 8, key),
      Key.ofRun('RUN1', 3, 7, key.toReversed()),
    ];
    assert.equal(new Set(all.map((one) => Buffer.from(one).toString('hex'))).size, 5);
  });
});
