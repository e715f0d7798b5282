import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { attribute, TestCollector } from '../telemetry/collector.ts';
import { guest, Place } from './helpers.ts';

before(() => buildGuests());

/** What an agent sends to a collector of one job, when it is stopped right after it. */
async function traced(place: Place, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const child = place.start(['agent', '--listen', '127.0.0.1:0', '--anonymous', 'read,run', ...args], { env });
  const { value } = await createInterface({ input: child.stderr })[Symbol.asyncIterator]().next();
  const { url } = JSON.parse(value as string) as { url: string };
  const reply = await fetch(`${url}/v1/jobs/org.example.noop/run`, { method: 'POST', body: '' });
  assert.equal(reply.status, 200, await reply.text());
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
}

test('an agent sends traces where the environment or --otlp says, and all of them before it ends', async () => {
  using place = new Place();
  place.write('noop.toml', `namespace = "org.example"\nname = "noop"\nversion = "1"\nbinary = "${guest('noop')}"\ndescription = ""\n`);
  await place.out('manifest', 'push', 'noop.toml');
  await using collector = await TestCollector.start();
  const base = new URL(collector.url).origin;
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_HEADERS: 'X-Key=a%20secret, other=1', OTEL_SERVICE_NAME: 'lab' };
  await traced(place, [], env);
  assert.deepEqual(collector.services, ['lab']);
  assert.deepEqual(
    collector.requests.map(({ path, headers }) => [path, headers['x-key'], headers['other']]),
    [['/v1/traces', 'a secret', '1']],
  );
  assert.deepEqual(collector.spans.map(({ name }) => name).toSorted(), ['exec', 'job org.example.noop@1.0.0']);

  await using other = await TestCollector.start();
  await traced(place, ['--otlp', `${new URL(other.url).origin}/under/`], { ...env, OTEL_SERVICE_NAME: '' });
  assert.deepEqual([other.services, other.requests[0]?.path], [['docket'], '/under/v1/traces'], 'the option wins');
  assert.equal(
    attribute(
      other.spans.find(({ name }) => name === 'exec')!,
      'docket.cached',
    ),
    true,
  );
  assert.equal(collector.requests.length, 1);
});

test('a collector that cannot be one is refused before anything starts, and no secret is repeated', async () => {
  using place = new Place();
  for (const [args, env] of [
    [['--otlp', 'collector:4318'], {}],
    [['--otlp', 'ftp://127.0.0.1'], {}],
    [['--otlp', 'http://user:hidden@127.0.0.1'], {}],
    [[], { OTEL_EXPORTER_OTLP_ENDPOINT: 'nowhere' }],
    [['--otlp', 'http://127.0.0.1'], { OTEL_EXPORTER_OTLP_HEADERS: 'hidden' }],
    [['--otlp', 'http://127.0.0.1'], { OTEL_EXPORTER_OTLP_HEADERS: 'a b=hidden' }],
    [['--otlp', 'http://127.0.0.1'], { OTEL_EXPORTER_OTLP_HEADERS: 'a=hidden%0a' }],
    [['--otlp', 'http://127.0.0.1'], { OTEL_EXPORTER_OTLP_HEADERS: 'a=%' }],
  ] as const) {
    const { status, stderr } = await place.docket(['agent', '--listen', '127.0.0.1:0', ...args], { env });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /USAGE/);
    assert.doesNotMatch(stderr, /hidden/);
  }
});
