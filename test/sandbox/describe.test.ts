import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeModule } from '../../src/sandbox/describe.ts';
import { findOffer } from '../../src/sandbox/component/host-interface.ts';
import { INTERFACES } from '../../src/sandbox/wasi2/interfaces.ts';
import { planComponent } from '../../src/sandbox/component/plan.ts';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { sockets, wasi } from '../components.ts';

const isOffered = (name: string): boolean => findOffer(INTERFACES, name) !== undefined;

test('interfaces of WASI 0.2 and of Homestar are offered, in their versions; HTTP is not', () => {
  for (const name of [
    'wasi:io/poll@0.2.0',
    'wasi:io/streams@0.2.12',
    'wasi:cli/stdout@0.2.3',
    'wasi:logging/logging',
    'homestar:host/helpers@0.0.1',
    'homestar:host/helpers@0.1.1',
    'wasi:sockets/tcp@0.2.0',
  ])
    assert.ok(isOffered(name), name);
  for (const name of [
    'wasi:io/poll',
    'wasi:io/poll@0.3.0',
    'wasi:io/poll@0.2.0-rc',
    'wasi:sockets/tcp@0.3.0',
    'wasi:http/types@0.2.0',
    'wasi:cli/run@0.2.0',
    'homestar:host/helpers',
    'homestar:host/helpers@0.2.0',
    'now',
    'toString',
  ])
    assert.ok(!isOffered(name), name);
});

/** Such a module uses preview 1 as well, which its world does not speak of. */
test('imports of a core module beside its world are shown', async () => {
  const binary = await parse(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))) (import "wasi:logging/logging" "log" (func (param i32 i32)))
    (memory (export "memory") 1) (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0) (func (export "f")))`);
  const witSource =
    'package a:b; world w { import wasi:logging/logging; export f: func(); } package wasi:logging { interface logging { log: func(m: string); } }';
  const { imports, call } = describeModule(await componentEmbed({ binary, witSource, world: 'a:b/w' }));
  assert.deepEqual(
    imports.map(({ name, isOffered: offered }) => [name, offered]),
    [
      ['wasi:logging/logging', true],
      ['wasi_snapshot_preview1.fd_write', true],
    ],
  );
  assert.deepEqual(call, { op: 'wasm/run', func: 'f', args: [] });
});

test('a command that imports all there is, with the types that it has there, is let in', async () => {
  for (const version of ['0.2.0', '0.2.3', '0.2.12']) {
    const packages = `${wasi(version)} ${sockets(version)}`;
    const names = [...packages.matchAll(/package (wasi:\w+)@[\d.]+ \{([^]*?)\n\}/g)].flatMap(([, name, body]) =>
      [...body!.matchAll(/interface ([\w-]+) \{/g)].map(([, each]) => `${name}/${each}@${version}`),
    );
    assert.ok(names.includes(`wasi:filesystem/types@${version}`) && names.includes(`wasi:sockets/tcp@${version}`));
    const isRun = (name: string): boolean => name.startsWith('wasi:cli/run');
    const world = `world all { ${names.map((name) => `${isRun(name) ? 'export' : 'import'} ${name};`).join(' ')} }`;
    const component = await componentNew(
      await componentEmbed({ dummy: true, witSource: `package test:all; ${world} ${packages}`, world: 'test:all/all' }),
    );
    assert.deepEqual([...planComponent(component, INTERFACES).interfaces.keys()], [`wasi:cli/run@${version}`]);
    const { call, imports } = describeModule(component);
    assert.deepEqual(call, { op: 'wasi/run' });
    assert.ok(imports.every(({ isOffered: offered }) => offered));
    assert.equal(imports.find(({ name }) => name.startsWith('wasi:sockets/tcp@'))?.note, 'opening a socket is denied');
  }
});
