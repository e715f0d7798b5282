import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { Refusal } from '../../src/runner/refusal.ts';
import { parseWasiInput } from '../../src/runner/wasi-input.ts';
import * as Tree from '../../src/store/tree.ts';

const blob = Cid.ofBlob(Uint8Array.of(1));
const instruction = Cid.ofValue('x');
const tree: Tree.Tree = { 'a/b': { cid: blob, size: 1, executable: false } };
const treeCid = Cid.ofTree(Tree.encode(tree));

const parse = (input: Ipld): ReturnType<typeof parseWasiInput> =>
  parseWasiInput(input, (cid) => {
    assert.ok(cid.equals(treeCid));
    return tree;
  });

describe('parseWasiInput', () => {
  test('everything may be left out', () => {
    assert.deepEqual(parse({}), { args: [], env: {}, stdin: undefined, files: {}, outputs: [], extensions: new Map() });
  });

  test('each form of a file', () => {
    const { files } = parse({
      files: {
        text: 'é',
        bytes: Uint8Array.of(7),
        blob,
        entry: { cid: blob, size: 1, executable: true },
        link: { link: '../x' },
        'a/tree': treeCid,
        'other-tree/': treeCid,
        empty: { directory: true },
      },
    });
    assert.deepEqual(files, {
      text: { bytes: Buffer.from('é') },
      bytes: { bytes: Uint8Array.of(7) },
      blob: { blob },
      entry: { blob, size: 1, executable: true },
      link: { link: '../x' },
      'a/tree': { tree },
      'other-tree/': { tree },
      empty: { directory: true },
    });
  });

  test('a list stands in its folder in the order of its places', () => {
    const { files } = parse({ files: { 'parts/': ['a', treeCid] } });
    assert.deepEqual(files, { 'parts/': { directory: true }, 'parts/0000': { bytes: Buffer.from('a') }, 'parts/0001': { tree } });
    const many = parse({ files: { 'p/': Array.from({ length: 10_001 }, () => '') } }).files;
    assert.deepEqual([Object.keys(many)[1], Object.keys(many).at(-1)], ['p/00000', 'p/10000']);
    assert.deepEqual(parse({ files: { 'none/': [] } }).files, { 'none/': { directory: true } });
    // What a promise gave may turn out to be a list.
    assert.deepEqual(parse({ files: { given: ['a'] } }).files, {
      'given/': { directory: true },
      'given/0000': { bytes: Buffer.from('a') },
    });
  });

  test('stdin is text, bytes, a blob or the entry of one', () => {
    assert.deepEqual(parse({ stdin: 'a' }).stdin, { bytes: Buffer.from('a') });
    assert.deepEqual(parse({ stdin: blob }).stdin, { blob });
    assert.deepEqual(parse({ stdin: { cid: blob, size: 1, executable: false } }).stdin, { blob });
  });

  const refused: Readonly<Record<string, readonly [Ipld, RegExp]>> = {
    'no map': [[], /the input must be a map/],
    'an unknown key': [{ file: {} }, /knows no input "file"/],
    'arguments that are no strings': [{ args: [1] }, /"args" must be a list of strings/],
    'an argument with NUL': [{ args: ['a\0'] }, /"args" must be a list of strings without NUL/],
    'outputs that are no list': [{ outputs: '**' }, /"outputs" must be a list/],
    'a variable without a name': [{ env: { '': 'x' } }, /"env" has a wrong entry ""/],
    'a variable with = in its name': [{ env: { 'a=b': 'x' } }, /"env" has a wrong entry "a=b"/],
    'a variable that is no text': [{ env: { a: 1 } }, /"env" has a wrong entry "a"/],
    'files that are no map': [{ files: [] }, /"files" must be a map/],
    'a number as file': [{ files: { 'a/b': 1 } }, /the file "a\/b" is the value 1/],
    'null as file': [{ files: { a: null } }, /the file "a" is null/],
    'a map as file': [{ files: { a: { cid: blob } } }, /the file "a" is a map/],
    'an entry with a wrong size': [{ files: { a: { cid: blob, size: -1, executable: false } } }, /the file "a" is a map/],
    'a link to an instruction': [{ files: { a: instruction } }, /the file "a" is the link bafyrmi/],
    'a list in a list': [{ files: { 'a/': [['x']] } }, /the file "a\/0000" is a list/],
    'one file at a folder': [{ files: { 'a/': 'x' } }, /"a\/" ends with a slash but is one file/],
    'a tree as stdin': [{ stdin: treeCid }, /"stdin" is the link bafyrei/],
    'a list as stdin': [{ stdin: ['a'] }, /"stdin" is a list/],
  };
  for (const [name, [input, message]] of Object.entries(refused)) {
    test(`refuses ${name}`, () => {
      assert.throws(
        () => parse(input),
        (error) => error instanceof Refusal && error.failure.code === 'invalid' && message.test(error.message),
      );
    });
  }
});
