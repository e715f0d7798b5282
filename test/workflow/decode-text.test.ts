import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import { decodeText } from '../../src/workflow/decode-text.ts';

test('UTF-8 is read as it is, a byte order mark aside', () => {
  for (const text of ['', 'tasks: {}\r\n', 'ä☃🙂', 'a \uFFFD that was written']) assert.equal(decodeText(Buffer.from(text), 'f'), text);
  assert.equal(decodeText(Buffer.from('\uFEFFtasks'), 'f'), 'tasks');
});

const WRONG: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp, line: number, column: number])[] = [
  ['UTF-16 with a mark', Buffer.from('\uFEFFtasks: {}', 'utf16le'), /UTF-16/, 1, 1],
  ['UTF-16, high byte first', Buffer.from('\uFEFFtasks: {}', 'utf16le').swap16(), /UTF-16/, 1, 1],
  ['UTF-16 without a mark', Buffer.from('tasks: {}', 'utf16le'), /UTF-16/, 1, 1],
  ['the same, high byte first', Buffer.from('tasks: {}', 'utf16le').swap16(), /UTF-16/, 1, 1],
  ['Latin-1', Buffer.from('a: ä\nbc: caf\xe9\n', 'latin1'), /byte 3 does not belong there/, 1, 4],
  ['one Latin-1 letter in UTF-8', Buffer.concat([Buffer.from('a: ä\nbc: caf'), Buffer.of(0xe9, 0x0a)]), /byte 13 does not/, 2, 8],
  ['a character cut off at the end', Buffer.from('a: ☃').subarray(0, 5), /byte 3 does not/, 1, 4],
  ['a lone surrogate', Buffer.of(0x61, 0x0a, 0xed, 0xa0, 0x80), /byte 2 does not/, 2, 1],
  ['a module', Buffer.from('\0asm\x01\0\0\0'), /byte 0 is zero/, 1, 1],
  ['a zero in text', Buffer.from('a: b\nc: \0'), /byte 8 is zero/, 2, 4],
];

for (const [name, bytes, message, line, column] of WRONG) {
  test(`refused with its place: ${name}`, () => {
    assert.throws(
      () => decodeText(bytes, 'flow.yaml'),
      (error) => {
        assert.ok(isDocketError(error, 'WORKFLOW_SYNTAX'));
        assert.match(error.message, message);
        assert.deepEqual(error.place, { file: 'flow.yaml', line, column });
        return true;
      },
    );
  });
}
