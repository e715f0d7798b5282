import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { meshSettings } from '../../src/agent/config/mesh-config.ts';
import { parseAges, parseBytes, parseMeshName, parseServer } from '../../src/agent/config/mesh-values.ts';
import { isOpenToOthers } from '../../src/agent/config/secret-setting.ts';
import type { Values } from '../../src/agent/config/settings.ts';
import { isDocketError } from '../../src/errors.ts';

const MESH: Values = { mesh: ['nats://a.example:4222', 'tls://b.example:4222'] };

function refused(values: Values, told: RegExp): void {
  assert.throws(
    () => meshSettings(values),
    (error) => isDocketError(error, 'CONFIG_INVALID') && told.test(`${error.message} ${error.next}`),
  );
}

suite('settings of a mesh', () => {
  test('servers are addresses of nats-server, and hold no secrets', () => {
    for (const good of ['nats://a:4222', 'tls://a.example', 'nats://[::1]:4222', 'nats://a:4222/']) assert.ok(parseServer(good), good);
    for (const bad of [
      'a:4222',
      'http://a',
      'nats://',
      'nats://user:pw@a',
      'nats://token@a',
      'nats://a/path',
      'nats://a?x=1',
      'ws://a',
      '',
    ])
      assert.equal(parseServer(bad), undefined, bad);
  });

  test('names are single words', () => {
    assert.equal(parseMeshName('lab-1_x'), 'lab-1_x');
    for (const bad of ['', 'a.b', 'a b', '>', '*', 'x'.repeat(65)]) assert.equal(parseMeshName(bad), undefined, bad);
  });

  test('amounts are of what is known, and of a kind', () => {
    assert.deepEqual(parseBytes({ results: '2GiB', objects: '100MB' }), { results: 2 ** 31, objects: 1e8 });
    assert.deepEqual(parseAges({ results: '90d' }), { results: 90 * 86_400_000 });
    for (const bad of [{ result: '1GiB' }, { results: 'much' }, { results: '0' }, { constructor: '1' }])
      assert.equal(parseBytes(bad), undefined);
    // What could hold not even the first message, what a server could not count, and what is gone before anybody has read it.
    for (const [least, below] of [
      ['1MiB', '1023KiB'],
      ['2MB', '10B'],
    ] as const) {
      assert.notEqual(parseBytes({ records: least, journals: least }), undefined, least);
      assert.equal(parseBytes({ results: '1GiB', journals: below }), undefined, below);
    }
    for (const age of ['1h', '36500d']) assert.notEqual(parseAges({ results: age }), undefined, age);
    for (const age of ['59m', '1ms', '36501d', '999999d']) assert.equal(parseAges({ results: age }), undefined, age);
    assert.equal(parseAges({ records: '1d' }), undefined, 'records do not age');
  });

  test('without a server there is no mesh, and nothing to set of it', () => {
    assert.equal(meshSettings({}), undefined);
    refused({ 'mesh-name': 'lab' }, /"mesh-name" is set, and the agent is in no mesh.*--mesh nats/);
    refused({ creds: '/x' }, /"creds" is set/);
  });

  test('who this is is shown in one way, from a file that others cannot read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'docket-mesh-'));
    const file = (name: string, text: string, mode = 0o600): string => {
      const path = join(folder, name);
      writeFileSync(path, text);
      chmodSync(path, mode);
      return path;
    };
    try {
      const login = file('login', 'user:p@ss:w/rd\n');
      assert.deepEqual(meshSettings({ ...MESH, 'mesh-login': login })?.servers, [
        'nats://user:p%40ss%3Aw%2Frd@a.example:4222',
        'tls://user:p%40ss%3Aw%2Frd@b.example:4222',
      ]);
      assert.deepEqual(meshSettings({ ...MESH, 'mesh-login': file('token', 's3cret') })?.servers[0], 'nats://s3cret@a.example:4222');
      const creds = file('creds', '-----BEGIN');
      assert.deepEqual(meshSettings({ ...MESH, creds })?.credentials, { kind: 'creds', file: creds });
      refused({ ...MESH, creds, 'mesh-login': login }, /"creds" and "mesh-login" are set/);
      refused({ ...MESH, creds: join(folder, 'absent') }, /absent.*ENOENT/);
      refused({ ...MESH, creds: folder }, /it is no file/);
      refused({ ...MESH, nkey: file('open', 'SU', 0o644) }, /others may read or write it.*chmod 600/);
      refused({ ...MESH, 'mesh-login': file('lines', 'a\nb') }, /does not hold USER:PASSWORD.* Write USER:PASSWORD, or a token, into it/);
      refused({ ...MESH, 'mesh-login': file('large', 'x'.repeat(20_000)) }, /too large/);
      refused({ ...MESH, 'mesh-tls-cert': 'c.pem' }, /a certificate and no key/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('what is not said is by default', () => {
    const { name, tls, replicas, bytes, ages, listen } = meshSettings(MESH)!;
    assert.deepEqual(
      { name, tls, replicas, bytes, ages, listen },
      {
        name: 'docket',
        tls: undefined,
        replicas: undefined,
        bytes: {},
        ages: {},
        listen: undefined,
      },
    );
  });

  test('what root hands to a service may be readable for a group, and nothing else is', () => {
    const [root, user] = [0, 61_000];
    const closed = [
      [0o400, user, user],
      [0o600, root, root],
      [0o400, root, user],
      // An access list shows as the group's right to read.
      [0o440, root, user],
      [0o640, root, user],
    ] as const;
    for (const [mode, uid, self] of closed)
      assert.equal(isOpenToOthers({ mode: 0o100_000 | mode, uid }, self), false, `${mode} ${uid} ${self}`);
    const open = [
      [0o640, user, user],
      [0o440, root, root],
      [0o440, 1_000, user],
      [0o660, root, user],
      [0o404, root, user],
      [0o450, root, user],
    ] as const;
    for (const [mode, uid, self] of open)
      assert.equal(isOpenToOthers({ mode: 0o100_000 | mode, uid }, self), true, `${mode} ${uid} ${self}`);
  });
});
