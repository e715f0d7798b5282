import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { buildGuests } from '../../scripts/build-guests.ts';
import { makeCertificate, noOpenssl } from '../make-certificate.ts';
import { type Failure, guest, Place } from './helpers.ts';

/** How an agent is told what to be, by those who run it. */

before(() => buildGuests());

interface Line {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** An agent process, and the lines it logs from the first on. */
function started(place: Place, args: readonly string[], env = {}): { child: ChildProcessWithoutNullStreams; next: () => Promise<Line> } {
  const child = place.start(['agent', ...args], { env });
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  return { child, next: async () => JSON.parse((await lines.next()).value as string) as Line };
}

async function stopped(child: ChildProcessWithoutNullStreams): Promise<void> {
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
}

test('what an agent was told is shown as a config file that tells the same', async () => {
  using place = new Place();
  mkdirSync(place.home, { mode: 0o700 });
  writeFileSync(join(place.home, 'agent.toml'), 'slots = 2\nhost = ["a.example"]\nrate = 5\n[tag]\nzone = "a b"\n');
  const env = { DOCKET_RATE: '7', DOCKET_RATES: '7' };
  const shown = await place.docket(['agent', '--print-config', '--drain', '5s'], { env });
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /^slots = 2 # .*agent\.toml:1$/m);
  assert.match(shown.stdout, /^rate = 7 # DOCKET_RATE$/m);
  assert.match(shown.stdout, /^drain = "5s" # --drain$/m);
  assert.match(shown.stdout, /^# max-runs: 1000 \(default\)$/m);
  assert.match(shown.stdout, /^# warning: .*DOCKET_RATES is not known \(did you mean "DOCKET_RATE"\?\)$/m);
  const again = await place.json<{ settings: Record<string, { value: unknown; from: string }>; warnings: string[] }>(
    'agent',
    '--print-config',
    '--config',
    place.write('again.toml', shown.stdout),
  );
  const { slots, host, rate, drain, tag } = again.settings;
  assert.deepEqual([slots?.value, host?.value, rate?.value, drain?.value, tag?.value], [2, ['a.example'], 7, '5s', { zone: 'a b' }]);
  assert.deepEqual([slots?.from.endsWith('again.toml:9'), again.settings['max-jobs']?.from, again.warnings], [true, 'default', []]);
});

test('an agent starts with what its file says, and tells it; one that is told nonsense does not start', async () => {
  using place = new Place();
  const config = place.write('agent.toml', 'listen = "127.0.0.1:0"\nslots = 1\nops = ["wasm/run"]\ntag.zone = "a"\n');
  const { child, next } = started(place, [], { DOCKET_CONFIG: config, DOCKET_SLOT: '1' });
  const { event, slots, ops, tags, config: told } = await next();
  assert.deepEqual([event, slots, ops, tags, told], ['listening', 1, ['wasm/run'], { zone: 'a' }, config]);
  assert.match(String((await next())['message']), /DOCKET_SLOT is not known/);
  await stopped(child);

  for (const [args, code, status] of [
    [['--config', place.write('bad.toml', 'slots = "many"\n')], 'CONFIG_INVALID', 2],
    [['--ops', 'wasi/walk'], 'USAGE', 2],
    [['--listen', '0.0.0.0:0'], 'LISTEN_FAILED', 1],
    [['--tls-cert', 'a.pem'], 'TLS_INVALID', 1],
    [['--tls-cert', 'a.pem', '--tls-key', 'a.key'], 'TLS_INVALID', 1],
  ] as const) {
    const ended = await place.docket(['agent', ...args, '--json']);
    assert.deepEqual([ended.status, (JSON.parse(ended.stdout) as Failure).error.code], [status, code], args.join(' '));
  }
});

/** The name in the certificate of who answers. */
function nameAt(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${url}/monitor/ping`, { agent: false, rejectUnauthorized: false }, (reply) => {
      const name = (reply.socket as TLSSocket).getPeerCertificate().subject.CN;
      reply.on('end', () => resolve(String(name))).resume();
    }).on('error', reject);
  });
}

test('at SIGHUP the certificate is read again, and kept if the new one cannot be used', { skip: noOpenssl }, async () => {
  using place = new Place();
  const [first, second] = [makeCertificate(place.folder, 'first'), makeCertificate(place.folder, 'second')];
  const { child, next } = started(place, ['--listen', '127.0.0.1:0', '--tls-cert', first.cert, '--tls-key', first.key]);
  const { url } = (await next()) as unknown as { url: string };
  const told = JSON.parse(readFileSync(join(place.home, 'agent.json'), 'utf8')) as { url: string; local: string };
  assert.equal(told.url, url);
  assert.equal(await (await fetch(`${told.local}/monitor/ping`)).text(), 'pong');
  const ran = await place.docket(['exec', guest('count-words'), '--json'], { stdin: 'a b' });
  assert.equal(ran.status, 0, `commands on the home work with it\n${ran.stderr}`);
  assert.equal(await nameAt(url), 'first');
  copyFileSync(second.cert, first.cert);
  child.kill('SIGHUP');
  const { event, error } = await next();
  assert.equal(event, 'certificate kept');
  assert.match(String(error), /does not belong/);
  assert.equal(await nameAt(url), 'first');
  copyFileSync(second.key, first.key);
  child.kill('SIGHUP');
  assert.equal((await next()).event, 'certificate renewed');
  assert.equal(await nameAt(url), 'second');
  await stopped(child);
});

test('without a certificate SIGHUP stops an agent in order', async () => {
  using place = new Place();
  const { child, next } = started(place, ['--listen', '127.0.0.1:0']);
  await next();
  child.kill('SIGHUP');
  assert.deepEqual([(await next()).event, (await next()).event], ['stopping', 'stopped']);
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a run of an op that the agent does not run any more is not taken up again', async () => {
  using place = new Place();
  place.write('loop.wasm', readFileSync(guest('loop')));
  const manifest = 'namespace = "org.example"\nname = "loop"\nversion = "1"\nbinary = "loop.wasm"\ndescription = ""\n';
  await place.out('manifest', 'push', place.write('loop.toml', manifest));
  const first = started(place, ['--listen', '127.0.0.1:0']);
  const { url } = (await first.next()) as unknown as { url: string };
  const authorization = `Bearer ${readFileSync(join(place.home, 'token'), 'utf8').trim()}`;
  const body = 'tasks:\n  slow: { module: org.example.loop, limits: { time: 10min } }\n';
  const { run } = (await (await fetch(`${url}/v1/runs`, { method: 'POST', headers: { authorization }, body })).json()) as { run: string };
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const second = started(place, ['--listen', '127.0.0.1:0', '--ops', 'wasm/run']);
  assert.equal((await second.next()).event, 'listening');
  const { event, run: told, error } = await second.next();
  assert.deepEqual([event, told], ['not resumed', run]);
  assert.match(String(error), /wasi\/run, which this agent does not run/);
  second.child.kill('SIGTERM');
  assert.equal((await second.next()).event, 'stopping', 'and is not said to be');
  assert.deepEqual(await once(second.child, 'exit'), [0, null]);
});
