import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ofBlob, ofTree, ofValue } from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { checkInput } from '../../src/workflow/input.ts';

const blob = ofBlob(Uint8Array.of(1));
const tree = ofTree(Uint8Array.of(1));
const promise = { 'await/ok': ofValue(1), at: '/stdout' };

test('inputs as they should be', () => {
  const good: readonly Ipld[] = [
    {},
    { args: ['a', ''], env: { A: '', B: 'x=y' }, stdin: 'text', outputs: ['*.json'], grant: ['clock', 'random'] },
    { stdin: Uint8Array.of(1) },
    { stdin: blob },
    { stdin: promise },
    {
      files: {
        a: 'text',
        b: Uint8Array.of(1),
        'c/d': blob,
        e: tree,
        f: promise,
        g: { cid: blob, size: 1, executable: true },
        'h/': [blob, promise],
        '.': tree,
      },
    },
  ];
  for (const input of good) checkInput('wasi/run', input);
  checkInput('wasm/run', { func: 'f', args: [1, promise, { any: [null] }] });
});

test('inputs as they should not be', () => {
  const bad: readonly Ipld[] = [
    null,
    [],
    { arg: [] },
    { args: 'a' },
    { args: [1] },
    { args: ['a\0b'] },
    { env: { A: 1 } },
    { env: { '': 'x' } },
    { env: { 'A=B': 'x' } },
    { env: { A: '\0' } },
    { env: [] },
    { stdin: 1 },
    { stdin: ['a'] },
    { stdin: { 'await/ok': 'nothing' } },
    { files: [] },
    { files: { a: 1 } },
    { files: { a: ['x'] } },
    { files: { 'a/': [1] } },
    { files: { '../a': 'x' } },
    { files: { '/a': 'x' } },
    { files: { 'a//b': 'x' } },
    { files: { '': 'x' } },
    { files: { a: { cid: blob, size: 1 } } },
    { files: { a: { cid: blob, size: 1, executable: true, mode: 7 } } },
    { files: { a: 'x', 'a/b': 'y' } },
    { files: { 'a/': ['x'], 'a/0000': 'y' } },
    { outputs: '*' },
    { outputs: ['/a'] },
    { outputs: ['../a'] },
    { grant: ['network'] },
    { extensions: ['fib'] },
    { extensions: { fib: 'fib.wasm' } },
    { extensions: { '': null } },
    { grant: ['random', 'clock'] },
    { grant: ['clock', 'clock'] },
    { grant: 'clock' },
  ];
  for (const input of bad) assert.throws(() => checkInput('wasi/run', input), { code: 'WORKFLOW_INVALID' }, JSON.stringify(input));
  for (const wrong of [
    { 'await/ok': 'text' },
    { 'await/ok': ofValue(1), att: '/x' },
    { 'await/some': ofValue(1) },
    { 'await/ok': ofValue(1), 'await/error': ofValue(1) },
  ]) {
    assert.throws(() => checkInput('wasm/run', { func: 'f', args: [{ deep: [wrong] }] }), {
      code: 'WORKFLOW_INVALID',
      message: /does not make a promise/,
    });
  }
  for (const at of ['stdout', '/a~', '/a~2', ' /a']) {
    assert.throws(() => checkInput('wasi/run', { stdin: { 'await/ok': ofValue(1), at } }), {
      code: 'WORKFLOW_INVALID',
      message: /not a JSON pointer/,
    });
  }
  for (const input of [{}, { func: 'f' }, { args: [] }, { func: 1, args: [] }, { func: 'f', args: {} }, { func: 'f', args: [], env: {} }]) {
    assert.throws(() => checkInput('wasm/run', input), { code: 'WORKFLOW_INVALID' }, JSON.stringify(input));
  }
});
