import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';
import { isDocketError } from '../../../src/errors.ts';
import { readWit, worldOf } from '../../../src/sandbox/wit/world.ts';
import { typeText } from '../../../src/sandbox/wit/text.ts';

/** Components that nobody who means well would make. Each is refused with the byte it is about, soon, and whatever it is. */

const WIT = `package a:b; interface i { record r { x: list<u8>, y: option<string> } variant v { p, q(r) } flags fl { s, t } f: func(a: r, b: v, c: fl) -> result<r, string>; resource z; }
  world w { import i; export i; export g: func(a: tuple<u8, char>); }`;
const embedded = await componentEmbed({ witSource: WIT, dummy: true, world: 'w' });
const component = await componentNew(embedded);

function judge(bytes: Uint8Array): string | undefined {
  try {
    readWit(bytes);
    return undefined;
  } catch (error) {
    if (isDocketError(error, 'MODULE_INVALID')) return error.message;
    throw error;
  }
}

for (const [what, bytes] of Object.entries({ component, 'core module': embedded })) {
  test(`a ${what} cut short anywhere is refused or has a world`, () => {
    for (let length = 0; length < bytes.length; length++) judge(bytes.subarray(0, length));
    assert.match(judge(bytes.subarray(0, bytes.length - 1)) ?? '', /at byte \d+$/);
  });

  test(`a ${what} with bytes changed is refused or has a world`, () => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = new Uint8Array(bytes);
        for (const { at, to } of changes) changed[at] = to;
        judge(changed);
      }),
      { numRuns: 3_000 },
    );
  });
}

const HEADER = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];
const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
const section = (id: number, ...contents: number[]): number[] => [id, ...leb(contents.length), ...contents];
const made = (...sections: number[][]): Uint8Array => Uint8Array.from([HEADER, ...sections].flat());
const text = (name: string): number[] => [...leb(name.length), ...Buffer.from(name)];
const types = (...each: number[][]): number[] => section(7, ...leb(each.length), ...each.flat());

/** A type of a function that takes the type with this index, exported. */
const taking = (index: number, next: number): number[][] => [
  types([0x40, 1, ...text('a'), ...leb(index), 1, 0]),
  section(10, 1, 0, ...text('f'), 1, ...leb(next)),
];

test('types that double with each definition are refused before they are written out', () => {
  const doubling = Array.from({ length: 60 }, (_, i) => (i === 0 ? [0x6f, 2, 0x7d, 0x7d] : [0x6f, 2, i - 1, i - 1]));
  assert.match(judge(made(types(...doubling))) ?? '', /made of more than 100000 others/);
  const some = made(types(...doubling.slice(0, 15)), ...taking(14, 15));
  const [item] = worldOf(some).imports;
  const shown = typeText((item as Extract<typeof item, { func: unknown }>).func.params[0]!.type);
  assert.ok(shown.length <= 4_000 && shown.endsWith('…'));
});

test('types that nest deeply are refused', () => {
  const nested = Array.from({ length: 100 }, (_, i) => (i === 0 ? [0x70, 0x7d] : [0x70, i - 1]));
  assert.match(judge(made(types(...nested))) ?? '', /nests more than 64 deep/);
});

test('instance types and components within each other are refused beyond a depth', () => {
  const inner = (depth: number): number[] => (depth === 0 ? [0x42, 0] : [0x42, 1, 1, ...inner(depth - 1)]);
  assert.equal(judge(made(types(inner(20)))), undefined);
  assert.match(judge(made(types(inner(10_000 / 4)))) ?? '', /nest more than 32 deep/);
  let bytes = made();
  for (let i = 0; i < 40; i++) bytes = made(section(4, ...bytes));
  assert.match(judge(bytes) ?? '', /nest more than 32 deep/);
});

test('one interface exported under very many names is refused', () => {
  const funcs = Array.from({ length: 2_000 }, (_, i) => [4, 0, ...text(`f${i}`), 1, 0]);
  const instance = types([0x42, ...leb(funcs.length + 1), 1, 0x40, 0, 1, 0, ...funcs.flat()]);
  const imported = section(10, 1, 0, ...text('i'), 5, 0);
  const exported = Array.from({ length: 60 }, (_, i) => [0, ...text(`e${i}`), 5, 0, 0]);
  assert.match(
    judge(made(instance, imported, section(11, ...leb(exported.length), ...exported.flat()))) ?? '',
    /more than 100000 functions/,
  );
});

test('a binary of nothing but types is refused before they fill the memory', () => {
  const many = new Uint8Array(100_000 * 2).fill(0x7d).map((byte, i) => (i % 2 === 0 ? 0x70 : byte));
  const lists = Buffer.concat([Uint8Array.of(7, ...leb(many.length + 3), ...leb(100_000)), many]);
  assert.equal(judge(Buffer.concat([Uint8Array.from(HEADER), lists])), undefined);
  assert.match(judge(Buffer.concat([Uint8Array.from(HEADER), lists, lists, lists])) ?? '', /more than the 200000 allowed/);
});

const REFUSED: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['a count beyond the bytes', made(section(7, 0xff, 0xff, 0xff, 0xff, 0x0f)), /more than fit/],
  ['a type that is not there', made(types([0x70, 5])), /type 5 of 0/],
  ['a type that refers to itself', made(types([0x70, 0])), /type 0 of 0/],
  ['a code that is no type', made(types([0x62])), /0x62, which does not exist/],
  ['an element that is no type of values', made(types([0x42, 0], [0x70, 0])), /not one of values/],
  ['a record without fields', made(types([0x72, 0])), /no fields/],
  ['a tuple without types', made(types([0x6f, 0])), /no types/],
  ['too many flags', made(types([0x6e, 33, ...Array.from({ length: 33 }, (_, i) => text(`f${i}`)).flat()])), /more than the 32 allowed/],
  ['two fields alike', made(types([0x72, 2, ...text('a-b'), 0x7d, ...text('A-b'), 0x7d])), /named alike/],
  ['a field that is not in kebab-case', made(types([0x72, 1, ...text('__proto__'), 0x7d])), /not in kebab-case/],
  ['an export whose name would move the cursor', made(section(11, 1, 0, ...text('a\u001b[2J'), 1, 0, 0)), /is not a name/],
  [
    'two imports of one name',
    made(types([0x40, 0, 1, 0]), section(10, 2, 0, ...text('f'), 1, 0, 0, ...text('f'), 1, 0)),
    /two items are named/,
  ],
  ['an alias of an instance that is not there', made(section(6, 1, 1, 0, 9, ...text('f'))), /instance 9 of 0/],
  ['an alias of a sort that does not exist', made(section(5, 1, 1, 0), section(6, 1, 13, 0, 0, ...text('f'))), /which the instance lacks/],
  ['an alias far outside', made(section(6, 1, 3, 2, 0xff, 0xff, 0x03, 0)), /65535 scopes out/],
  ['an export of what is not there', made(section(11, 1, 0, ...text('f'), 1, 7, 0)), /not there/],
  ['an instance of a component that is not there', made(section(5, 1, 0, 3, 0)), /component 3 of 0/],
  ['a lifted function of no type', made(section(8, 1, 0, 0, 0, 0, 4)), /has type 4/],
  ['a built-in of threads', made(section(8, 1, 0x27, 0, 0)), /not let in/],
  ['values', made(section(12, 0)), /uses values/],
  ['a start function', made(section(9, 0, 0, 0)), /uses values/],
  ['a section that does not exist', made(section(13, 0)), /does not exist/],
  ['bytes after the last type', made(section(7, 0, 1)), /too many/],
  ['another version', Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0c, 0, 1, 0]), /not that of components/],
  ['another file', Buffer.from('hello, world'), /not those of WebAssembly/],
  ['nothing', new Uint8Array(), /the header/],
];

for (const [what, bytes, message] of REFUSED) test(`refused: ${what}`, () => assert.match(judge(bytes) ?? 'let in', message));
