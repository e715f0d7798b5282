import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEverywhere, isLoopback, localHost, ownNames, publicHost, refuseOpenDoor } from '../../src/agent/listening.ts';
import { isDocketError } from '../../src/errors.ts';

const terms = { host: '0.0.0.0', hasTls: false, insecure: false, anonymous: [] };
const isRefused = (more: Partial<Parameters<typeof refuseOpenDoor>[0]>): boolean => {
  try {
    refuseOpenDoor({ ...terms, ...more });
    return false;
  } catch (error) {
    assert.ok(isDocketError(error, 'LISTEN_FAILED'));
    return true;
  }
};

test('loopback is what only this machine can reach', () => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', '0:0:0:0:0:0:0:1', 'localhost', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '192.168.1.1', '128.0.0.1', '::2', 'localhost.example', 'example', '127.1.example', ''])
    assert.ok(!isLoopback(host), host);
});

test('beyond loopback there is TLS or a word for going without, and never a door without tokens', () => {
  assert.ok(isRefused({}));
  assert.ok(isRefused({ host: 'docket.example' }));
  assert.ok(!isRefused({ hasTls: true }));
  assert.ok(!isRefused({ insecure: true }));
  assert.ok(isRefused({ hasTls: true, anonymous: ['read'] }));
  assert.ok(isRefused({ insecure: true, anonymous: ['read'] }));
  assert.ok(!isRefused({ host: '127.0.0.1', anonymous: ['read'] }));
});

test('an agent that listens everywhere is found on this machine by loopback, and not told to others as 0.0.0.0', () => {
  for (const host of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0.0.0.0']) {
    assert.ok(isEverywhere(host), host);
    assert.ok(!isEverywhere(publicHost(host)), host);
  }
  assert.equal(localHost('0.0.0.0'), '127.0.0.1');
  assert.equal(localHost('::'), '[::1]');
  for (const host of ['::1', '10.0.0.0', '1::']) assert.ok(!isEverywhere(host), host);
  assert.equal(localHost('fd00::1'), '[fd00::1]');
  assert.equal(publicHost('10.0.0.1'), '10.0.0.1');
});

test('names are compared in small letters', () => {
  assert.ok(ownNames('127.0.0.1', ['Docket.Example']).has('docket.example'));
  assert.ok(ownNames('FD00:0::1', []).has('[fd00::1]'));
  assert.ok(!ownNames('0.0.0.0', []).has('0.0.0.0'));
});
