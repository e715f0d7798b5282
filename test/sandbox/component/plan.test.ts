import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isDocketError } from '../../../src/errors.ts';
import type { Offer } from '../../../src/sandbox/component/host-interface.ts';
import { planComponent } from '../../../src/sandbox/component/plan.ts';
import { componentText, REALLOC } from '../../components.ts';
import { callIn, hostInterface, start } from './start.ts';

const NOTHING: Offer = [];

async function refusal(text: string): Promise<string> {
  const bytes = await componentText(text);
  return messageOf(() => planComponent(bytes, NOTHING));
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(isDocketError(error, 'MODULE_INVALID'), String(error));
    return error.message;
  }
  return 'it was let in';
}

describe('components', () => {
  test('within components, calling each other', async () => {
    const bytes = await componentText(`(component
      (component $inner
        (core module $m (memory (export "memory") 2) ${REALLOC}
          (func (export "twice") (param i32 i32) (result i32)
            (memory.copy (i32.const 100) (local.get 0) (local.get 1))
            (memory.copy (i32.add (i32.const 100) (local.get 1)) (local.get 0) (local.get 1))
            (i32.store (i32.const 8) (i32.const 100)) (i32.store (i32.const 12) (i32.shl (local.get 1) (i32.const 1))) (i32.const 8)))
        (core instance $i (instantiate $m))
        (func (export "twice") (param "a" string) (result string)
          (canon lift (core func $i "twice") (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc")))))
      (component $outer
        (import "twice" (func $twice (param "a" string) (result string)))
        (core module $libc (memory (export "memory") 2) ${REALLOC})
        (core instance $libc (instantiate $libc))
        (core func $lowered (canon lower (func $twice) (memory (core memory $libc "memory")) (realloc (core func $libc "cabi_realloc")) string-encoding=utf16))
        (core module $m
          (import "" "memory" (memory 1)) (import "" "twice" (func $twice (param i32 i32 i32)))
          (func (export "both") (param i32 i32) (result i32)
            (call $twice (local.get 0) (local.get 1) (i32.const 8)) (i32.const 8)))
        (core instance $i (instantiate $m (with "" (instance (export "memory" (memory $libc "memory")) (export "twice" (func $lowered))))))
        (func (export "both") (param "a" string) (result string)
          (canon lift (core func $i "both") (memory (core memory $libc "memory")) (realloc (core func $libc "cabi_realloc")) string-encoding=utf16)))
      (instance $a (instantiate $inner))
      (instance $b (instantiate $outer (with "twice" (func $a "twice"))))
      (export "both" (func $b "both")))`);
    const plan = planComponent(bytes, NOTHING);
    assert.equal(plan.steps.length, 3);
    assert.equal(callIn(start(plan), plan, 'both', ['hé 𝄞']), 'hé 𝄞hé 𝄞');
  });

  test('in each encoding of text', async () => {
    for (const encoding of ['utf8', 'utf16', 'latin1+utf16']) {
      const bytes = await componentText(`(component
        (core module $m (memory (export "memory") 2) ${REALLOC}
          (func (export "echo") (param i32 i32) (result i32)
            (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8)))
        (core instance $i (instantiate $m))
        (func (export "echo") (param "a" string) (result string)
          (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc")) string-encoding=${encoding})))`);
      const plan = planComponent(bytes, NOTHING);
      for (const text of ['', 'a', 'é', '𝄞', 'Ÿ', '\u0000', '\ufeff']) assert.equal(callIn(start(plan), plan, 'echo', [text]), text);
    }
  });

  /** A resource of one component, used by another; drops are counted in the memory of the first. */
  const resources = (use: string): string =>
    `(component
    (component $maker
      (core module $m (global $dropped (mut i32) (i32.const 0))
        (func (export "drop") (param i32) (global.set $dropped (i32.add (global.get $dropped) (local.get 0))))
        (func (export "dropped") (result i32) (global.get $dropped)))
      (core instance $i (instantiate $m))
      (type $t (resource (rep i32) (dtor (core func $i "drop"))))
      (core func $new (canon resource.new $t))
      (core func $rep (canon resource.rep $t))
      (core module $api (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "look") (param i32) (result i32) (local.get 0)))
      (core instance $api (instantiate $api (with "" (instance (export "new" (func $new))))))
      (export $e "thing" (type $t))
      (func (export "make") (param "a" u32) (result (own $e)) (canon lift (core func $api "make")))
      (func (export "look") (param "a" (borrow $e)) (result u32) (canon lift (core func $api "look")))
      (func (export "dropped") (result u32) (canon lift (core func $i "dropped"))))
    (instance $maker (instantiate $maker))
    (component $user
      (import "maker" (instance $maker
        (export "thing" (type $thing (sub resource)))
        (export "make" (func (param "a" u32) (result (own $thing))))
        (export "look" (func (param "a" (borrow $thing)) (result u32)))))
      (alias export $maker "thing" (type $thing))
      (core func $make (canon lower (func $maker "make")))
      (core func $look (canon lower (func $maker "look")))
      (core func $drop (canon resource.drop $thing))
      (core module $m (import "" "make" (func $make (param i32) (result i32))) (import "" "look" (func $look (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "use") (result i32) (local $h i32) (local $r i32) ${use}))
      (core instance $i (instantiate $m (with "" (instance (export "make" (func $make)) (export "look" (func $look)) (export "drop" (func $drop))))))
      (func (export "use") (result u32) (canon lift (core func $i "use"))))
    (instance $user (instantiate $user (with "maker" (instance $maker))))
    (export "use" (func $user "use"))
    (export "dropped" (func $maker "dropped")))`;

  const MAKE = '(local.set $h (call $make (i32.const 40)))';

  test('resources are lent, used and dropped once', async () => {
    const plan = planComponent(
      await componentText(resources(`${MAKE} (local.set $r (call $look (local.get $h))) (call $drop (local.get $h)) (local.get $r)`)),
      NOTHING,
    );
    const running = start(plan);
    assert.equal(callIn(running, plan, 'use', []), 40);
    assert.equal(callIn(running, plan, 'dropped', []), 40);
  });

  test('handles that are wrong trap', async () => {
    const traps = async (use: string, message: RegExp): Promise<void> => {
      const plan = planComponent(await componentText(resources(use)), NOTHING);
      assert.throws(() => callIn(start(plan), plan, 'use', []), { name: 'RuntimeError', message });
    };
    await traps(`${MAKE} (call $drop (local.get $h)) (call $look (local.get $h))`, /there is no handle 1/);
    await traps(`${MAKE} (call $drop (local.get $h)) (call $drop (local.get $h)) (i32.const 0)`, /there is no handle 1/);
    await traps('(call $look (i32.const -1))', /there is no handle 4294967295/);
    await traps('(call $look (i32.const 0))', /there is no handle 0/);
    await traps(`(loop (drop (call $make (i32.const 1))) (br 0)) (i32.const 0)`, /more than 65536 handles/);
  });

  test('what is not run is refused by name', async () => {
    assert.match(await refusal('(component (import "a" (func)))'), /imports what is not there: "a"/);
    assert.match(await refusal('(component (type (future u8)))'), /futures/);
    const lacking = '(core module $m (import "a" "b" (func))) (core instance (instantiate $m (with "a" (instance))))';
    assert.equal(await refusal(`(component ${lacking})`), 'a core module imports "a" "b", which it is not given');
    const other =
      '(core module $a (func (export "b") (param i32))) (core instance $a (instantiate $a)) (func (export "f") (canon lift (core func $a "b")))';
    assert.equal(await refusal(`(component ${other})`), 'a lifted function is (i32) -> (), not () -> ()');
    const core = 'core module $m (memory 1) (memory 1)';
    assert.match(await refusal(`(component (${core}))`), /multiple memories/);
    assert.match(await refusal('(component (core module $m (memory i64 1)))'), /memory64/);
  });

  test('a small component that is a great deal of work is refused', async () => {
    const doubling = Array.from(
      { length: 30 },
      (_, i) => `(component $c${i + 1} (alias outer 1 ${i} (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))`,
    );
    assert.match(
      await refusal(`(component (component $c0) ${doubling.join('\n')} (instance (instantiate $c30)))`),
      /more than 200000 definitions/,
    );
    const wide = Array.from({ length: 40 }, (_, i) => `(type (tuple ${i === 0 ? 'u64 u64' : `${i - 1} ${i - 1}`}))`);
    assert.match(await refusal(`(component ${wide.join(' ')})`), /values of a type take more than/);
    const deep = Array.from({ length: 90 }, (_, i) => `(type (option ${i === 0 ? 'u8' : i - 1}))`);
    assert.match(await refusal(`(component ${deep.join(' ')})`), /nests more than 64 deep/);
    const modules = '(core module $m (table 1 funcref))';
    const many = Array.from({ length: 5 }, () => '(core instance (instantiate $m))').join('');
    assert.match(await refusal(`(component ${modules} ${many})`), /tables of the component may grow/);
    const instances = Array.from({ length: 201 }, () => '(core instance (instantiate $m))').join('');
    assert.match(await refusal(`(component (core module $m) ${instances})`), /more than 200 core instances/);
  });
});

/** `count` interfaces, each with as many functions, all of them the same one. */
function exportedAgain(count: number, params: string): string {
  const many = (write: (i: number) => string): string => Array.from({ length: count }, (_, i) => write(i)).join('\n');
  return `(component
    (core module $m (memory (export "memory") 1) ${REALLOC} (func (export "f") (param i32)))
    (core instance $i (instantiate $m))
    (func $f ${params} (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc"))))
    (instance $in ${many((i) => `(export "f${i}" (func $f))`)})
    ${many((i) => `(export "a:b/i${i}" (instance $in))`)})`;
}

describe('what a component exports again', () => {
  const params = Array.from({ length: 1000 }, (_, i) => `(param "p${i}" string)`).join(' ');

  test('is written down once', async () => {
    const plan = planComponent(await componentText(exportedAgain(20, params)), NOTHING);
    const described = plan.world.exports.map((item) => ('interface' in item ? item.interface : []));
    assert.deepEqual([described.length, new Set(described).size], [20, 1]);
    const functions = described[0]!;
    assert.deepEqual([functions.length, functions[0]!.params.length, new Set(functions.map((func) => func.params)).size], [20, 1000, 1]);
    assert.equal(new Set(plan.interfaces.values()).size, 1);
  });

  test('counts each time as a function', async () => {
    assert.equal(await refusal(exportedAgain(300, params)), 'it was let in');
    assert.match(await refusal(exportedAgain(320, '(param "a" u32)')), /exports more than 100000 functions, at "a:b\/i312"/);
  });
});

test('what the host gave to a call that traps is known to be garbage', async () => {
  const bytes = await componentText(`(component
    (import "a:b/c" (instance $host (export "give" (func (result (list u8))))))
    (core module $libc (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
    (core instance $libc (instantiate $libc))
    (core func $give (canon lower (func $host "give") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m (import "" "give" (func $give (param i32))) (func (export "f") (call $give (i32.const 8))))
    (core instance $i (instantiate $m (with "" (instance (export "give" (func $give))))))
    (func (export "f") (canon lift (core func $i "f"))))`);
  const plan = planComponent(bytes, [hostInterface('a:b/c', ['give'])]);
  const running = start(plan, () => new Uint8Array(1 << 20));
  assert.throws(() => callIn(running, plan, 'f', []), WebAssembly.RuntimeError);
  assert.ok(running.held >= 1 << 20, `${running.held}`);
});
