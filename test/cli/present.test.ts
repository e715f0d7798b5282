import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contrast, differenceLines } from '../../src/cli/difference-lines.ts';
import { fileName } from '../../src/cli/outputs.ts';
import { countsLine, errorLines, jsonable, jsonLine, jsonList, printable, table } from '../../src/cli/present.ts';
import { outputLines } from '../../src/cli/print-outputs.ts';
import { cellsOf, fit, pad } from '../../src/cli/text-width.ts';
import * as Cid from '../../src/ipld/cid.ts';
import * as DagJson from '../../src/ipld/dag-json.ts';
import { Float } from '../../src/ipld/value.ts';

test('text from outside cannot move the cursor or turn its direction', () => {
  assert.equal(printable('a\n\u001B[2Jb\t\u202Ec\u0085'), 'a\\n\\u001b[2Jb\\t\\u202ec\\u0085');
  assert.equal(printable('größe ☃ 🦊 日本'), 'größe ☃ 🦊 日本');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\u2028-\u202E\u2066-\u2069]/u.test(printable(text))));
});

test('text is cut and filled by the room it takes', () => {
  assert.deepEqual([cellsOf('abc'), cellsOf('日本'), cellsOf('e\u0301'), cellsOf('🦊')], [3, 4, 1, 2]);
  assert.equal(fit('日本語', 5), '日本…');
  assert.equal(fit('日本語', 4), '日…');
  assert.equal(fit('abc', 3), 'abc');
  assert.equal(fit('abc', 0), '');
  assert.equal(pad('日', 4), '日  ');
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.nat(30), (text, cells) => cellsOf(fit(text, cells)) <= cells));
});

test('columns line up, also with wide characters', () => {
  assert.equal(
    table([
      ['a', 'b'],
      ['日本', 'c'],
      ['x\ny', ''],
    ]),
    'a     b\n日本  c\nx\\ny\n',
  );
});

test('every name of an output has a file name of its own, of one path part', () => {
  assert.deepEqual(['a b', 'count[docs/a.md]', '..', '.', '', '%', 'a\0b'].map(fileName), [
    'a b',
    'count[docs%2Fa.md]',
    '%..',
    '%.',
    '%',
    '%25',
    'a%00b',
  ]);
  const name = fc.array(fc.constantFrom('%', '/', '.', '2', 'F', '5', '0', '\0', 'a')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(name, name, (a, b) => {
      assert.equal(fileName(a) === fileName(b), a === b);
      assert.match(fileName(a), /^[^/\0]+$/);
      assert.ok(!['.', '..'].includes(fileName(a)));
    }),
  );
});

test('a long list is one JSON document in pieces', async () => {
  const collect = async (items: readonly unknown[]): Promise<unknown> => {
    async function* source(): AsyncGenerator<unknown, Record<string, unknown>, void> {
      yield* items;
      return { count: items.length };
    }
    let text = '';
    for await (const piece of jsonList('items', source())) text += piece;
    return JSON.parse(text);
  };
  for (const items of [[], [1], ['a', { b: 2 }, null]]) assert.deepEqual(await collect(items), { items, count: items.length });
});

test('counts and failures in words', () => {
  const none = { total: 1, ran: 1, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
  assert.equal(countsLine(none), '1 task: 1 ran, 0 cached, 0 failed');
  assert.equal(countsLine({ ...none, total: 5, skipped: 2, cancelled: 2 }), '5 tasks: 1 ran, 0 cached, 0 failed, 2 skipped, 2 cancelled');
  assert.deepEqual(errorLines([{ task: 'a\nb', code: 'exit', message: 'status 1', skipped: 1 }]), [
    '  a\\nb: status 1 [exit] (1 task behind it did not run)',
  ]);
  const many = Array.from({ length: 25 }, (_, i) => ({ task: String(i), code: 'trap', message: 'm', skipped: 0 }));
  assert.deepEqual([errorLines(many).length, errorLines(many).at(-1)], [21, '  … and 5 more']);
});

test('several outputs are named; what cannot be printed is told', () => {
  const [blob, tree] = [Cid.ofBlob(new Uint8Array(1)), Cid.ofTree(new Uint8Array(1))];
  const lines = outputLines({
    one: 'text',
    two: new TextEncoder().encode('a\nb\n'),
    three: Uint8Array.of(0xff),
    four: blob,
    five: tree,
    'si\nx': { n: 1 },
    seven: 'x\u001B[1A\n\u001B[2Kone: forged',
    eight: Uint8Array.of(0, 1, 2),
  });
  assert.equal(
    lines,
    `one: text\ntwo:\n  a\n  b\nthree: 1 byte that are no text (--out writes them to a file)\nfour: ${blob} (docket store cat prints it)\nfive: ${tree} (docket store ls lists it)\nsi\\nx: {"n":1}\nseven:\n  x\\u001b[1A\n  \\u001b[2Kone: forged\neight: 3 bytes that are no text (--out writes them to a file)\n`,
  );
});

test('of two long texts the part is shown where they begin to differ', () => {
  assert.deepEqual(contrast('"20"', '"3"'), ['"20"', '"3"']);
  const same = 'x'.repeat(300);
  const [before, after] = contrast(`${same}A${same}`, `${same}B`);
  assert.match(before, /^…x{20}Ax{59}…$/);
  assert.match(after, /^…x{20}B$/);
  const text = fc.string({ maxLength: 200 });
  fc.assert(
    fc.property(text, text, text, (head, a, b) => {
      const [one, other] = contrast(head + a, head + b);
      assert.equal(one === other, a === b, 'what differs looks different');
    }),
  );
});

test('a difference is one line; after twenty they are counted', () => {
  const cid = Cid.ofBlob(new Uint8Array(2));
  const difference = { path: [], from: undefined };
  assert.deepEqual(
    differenceLines([
      { ...difference, field: 'a', before: undefined, after: { cid, size: 1, executable: true } },
      { ...difference, field: 'b', before: new TextEncoder().encode('x\n'), after: Uint8Array.of(0xff), from: 'up' },
    ]),
    [`    a: (absent) → ${cid}, executable`, '    b: "x\\n" → 1 byte, ff (from up)'],
  );
  const many = Array.from({ length: 23 }, (_, i) => ({ ...difference, field: String(i), before: 0, after: i }));
  assert.equal(differenceLines(many).at(-1), '    … and 3 more');
});

test('values are printed as DAG-JSON has them, also where JavaScript would make other numbers of them', () => {
  const value = { n: [2n ** 53n + 1n, 2n ** 64n - 1n, new Float(1), -0.5, 7], f: new Float(1e300), __proto__x: { '/': 1 } };
  assert.equal(jsonLine({ out: jsonable(value) }), `{"out":${DagJson.encode(value)}}\n`);
});
