import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { ModuleCache } from '../../src/runner/module-cache.ts';
import { componentText } from '../components.ts';
import { wat } from './helpers.ts';

const modules = [1, 2, 3].map((n) => wat(`(module (func (export "f") (result i32) i32.const ${n}))`));

const unheard = (): void => undefined;

/** Reads that are counted, by CID. */
function counting(): { read: (cid: Cid.CID) => Uint8Array; reads: string[] } {
  const reads: string[] = [];
  return {
    reads,
    read: (cid) => {
      reads.push(cid.toString());
      return modules.find((bytes) => Cid.ofBlob(bytes).equals(cid)) ?? Uint8Array.of(0);
    },
  };
}

describe('ModuleCache', () => {
  const cids = modules.map(Cid.ofBlob);
  const [a, b, c] = cids as [Cid.CID, Cid.CID, Cid.CID];
  const weight = (16 << 10) + (modules[0] as Uint8Array).length;

  test('compiles a module once', () => {
    const { read, reads } = counting();
    const cache = new ModuleCache(unheard);
    const first = cache.get(a, read);
    assert.equal(cache.get(a, read), first);
    assert.deepEqual(reads, [a.toString()]);
  });

  test('the least recently used goes first', () => {
    const { read, reads } = counting();
    const cache = new ModuleCache(unheard, 3 * weight - 1);
    for (const cid of [a, b, a, c, a, b]) cache.get(cid, read);
    assert.deepEqual(reads, [a, b, c, b].map(String));
  });

  test('the metered variant is another, made when it is asked for', () => {
    const { read, reads } = counting();
    const cache = new ModuleCache(unheard);
    const found = (['plain', 'metered', 'metered', 'plain'] as const).map((variant) => cache.get(a, read, variant));
    assert.deepEqual([found[0] === found[3], found[1] === found[2], reads.length], [true, true, 2]);
    const importsOf = (entry: (typeof found)[number] | undefined): string[] =>
      entry !== undefined && 'compiled' in entry ? WebAssembly.Module.imports(entry.compiled.module).map(({ name }) => name) : [];
    assert.deepEqual([importsOf(found[0]), importsOf(found[1])], [[], ['fuel', 'stack']]);
  });

  test('one module heavier than the whole is still kept until the next', () => {
    const { read, reads } = counting();
    const cache = new ModuleCache(unheard, 1);
    for (const cid of [a, a, b, a]) cache.get(cid, read);
    assert.deepEqual(reads, [a, b, a].map(String));
  });

  test('a refusal is remembered, a blob that could not be read is not', () => {
    const { read, reads } = counting();
    const cache = new ModuleCache(unheard);
    const none = Cid.ofBlob(Uint8Array.of(0));
    for (let i = 0; i < 2; i++) {
      const found = cache.get(none, read);
      assert.ok('failure' in found && found.failure.code === 'invalid');
    }
    assert.equal(reads.length, 1);
    const missing = (): never => {
      throw new DocketError('BLOB_MISSING', 'not there');
    };
    assert.throws(() => cache.get(a, missing), DocketError);
    assert.ok('compiled' in cache.get(a, read));
  });

  test('definitions of a component weigh what they take, and are not kept where they are too many', async () => {
    const types = (count: number): string => Array.from({ length: count }, () => '(type (option u8))').join(' ');
    const twice = (module: Uint8Array): { readonly reads: number; readonly dropped: number } => {
      let reads = 0;
      let dropped = 0;
      const cache = new ModuleCache((bytes) => (dropped += bytes));
      for (let i = 0; i < 2; i++) {
        const read = (): Uint8Array => (reads++, module);
        assert.ok('plan' in cache.callable(Cid.ofBlob(module), read));
      }
      return { reads, dropped };
    };
    const few = twice(await componentText(`(component ${types(100)})`));
    assert.equal(few.reads, 1);
    const many = twice(await componentText(`(component (component $c ${types(1000)}) ${'(instance (instantiate $c))'.repeat(40)})`));
    assert.equal(many.reads, 2);
    assert.ok(many.dropped > 2 * 40_000 * 1024, `${many.dropped}`);
  });

  test('what goes is told, and weighs something however small it is', () => {
    const { read } = counting();
    let dropped = 0;
    const cache = new ModuleCache((bytes) => (dropped += bytes), 1 << 15);
    for (const cid of [a, b, c]) cache.get(cid, read);
    assert.equal(dropped, 2 * weight);
  });
});
