import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { Metrics } from '../../src/telemetry/metrics.ts';
import type { Span } from '../../src/telemetry/span.ts';
import { SpanExporter } from '../../src/telemetry/span-exporter.ts';
import { HandClock } from '../hand-clock.ts';
import { attribute, TestCollector } from './collector.ts';
import { readMetrics } from './exposition.ts';

const span = (name: string): Span => ({
  trace: '1'.repeat(32),
  id: '2'.repeat(16),
  name,
  start: 1_700_000_000_000.25,
  end: 1_700_000_000_001,
  attributes: { text: 'a', count: 3, yes: true },
});

/** Before the second and the third attempt, in ms. */
const PAUSES = [500, 1_500];

class Bench {
  readonly clock = new HandClock();
  readonly metrics = new Metrics();
  readonly exporter: SpanExporter;

  constructor(url: string, headers: Record<string, string> = {}) {
    const { clock, metrics } = this;
    this.exporter = new SpanExporter({ collector: { url, headers }, source: { service: 'test', version: '1' }, clock, metrics });
  }

  async counts(): Promise<(number | undefined)[]> {
    const values = readMetrics(await this.metrics.text());
    return ['exported', 'dropped'].map((outcome) => values.get(`docket_spans_total{outcome="${outcome}"}`));
  }

  /** Ends it, while time goes on for whatever it waits for beside the collector. */
  async end(): Promise<void> {
    const end = { isOver: false };
    const ended = this.exporter[Symbol.asyncDispose]().then(() => (end.isOver = true));
    while (!end.isOver) {
      // Not the time-outs: the collector of this test answers.
      for (const { due } of [...this.clock.timers]) if (PAUSES.includes(due - this.clock.now())) this.clock.advance(due - this.clock.now());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
  }
}

test('spans go out together, as OTLP has them', async () => {
  await using collector = await TestCollector.start();
  const bench = new Bench(collector.url, { 'x-key': 'secret' });
  bench.exporter.add(() => span('first'));
  bench.exporter.add(() => span('second'));
  await bench.end();
  assert.deepEqual(
    collector.requests.map(({ path, headers }) => [path, headers['content-type'], headers['x-key']]),
    [['/v1/traces', 'application/json', 'secret']],
  );
  assert.deepEqual(
    collector.spans.map(({ name, startTimeUnixNano, endTimeUnixNano }) => [name, startTimeUnixNano, endTimeUnixNano]),
    ['first', 'second'].map((name) => [name, '1700000000000250000', '1700000000001000000']),
  );
  assert.deepEqual(collector.spans[0]?.attributes, [
    { key: 'text', value: { stringValue: 'a' } },
    { key: 'count', value: { intValue: '3' } },
    { key: 'yes', value: { boolValue: true } },
  ]);
  assert.deepEqual([collector.services, await bench.counts()], [['test'], [2, 0]]);
  assert.equal(attribute(collector.spans[0], 'text'), 'a');
});

test('what may pass is tried again, what will not is dropped and counted', async () => {
  for (const [statuses, counts] of [
    [
      [503, 429],
      [1, 0],
    ],
    [
      [503, 503, 503],
      [0, 1],
    ],
    [[400], [0, 1]],
    [[302], [0, 1]],
  ] as const) {
    await using collector = await TestCollector.start((reply, nth) => {
      const status = (statuses as readonly number[])[nth - 1];
      if (status !== undefined) reply.writeHead(status, status === 302 ? { location: '/' } : {}).end('no');
      return status !== undefined;
    });
    const bench = new Bench(collector.url);
    bench.exporter.add(() => span('x'));
    await bench.end();
    assert.deepEqual(await bench.counts(), counts, String(statuses));
  }
});

test('garbage and replies without end change nothing', async () => {
  await using garbage = await TestCollector.start((reply) => {
    reply.socket!.end('garbage\r\n\r\n');
    return true;
  });
  const refused = new Bench(garbage.url);
  refused.exporter.add(() => span('x'));
  await refused.end();
  assert.deepEqual(await refused.counts(), [0, 1]);
  await using endless = await TestCollector.start((reply) => {
    reply.writeHead(200);
    const pour = (): void => void (reply.destroyed || reply.write('x'.repeat(10_000), () => setImmediate(pour)));
    pour();
    return true;
  });
  const taken = new Bench(endless.url);
  taken.exporter.add(() => span('x'));
  await taken.end();
  assert.deepEqual(await taken.counts(), [1, 0]);
});

test('who never answers costs no more than the buffer, the last places of which are for runs, and the end is not waited for long', async () => {
  const sockets: { destroy(): void }[] = [];
  const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    const bench = new Bench(`http://127.0.0.1:${(silent.address() as { port: number }).port}/`);
    let made = 0;
    const make = (): Span => {
      made++;
      return span('x');
    };
    for (let i = 0; i < 30_000; i++) bench.exporter.add(make);
    // One batch is under way.
    assert.equal(made, 9_000 + 512);
    bench.exporter.add(make, { isRun: true });
    assert.equal(made, 9_000 + 513);
    const ended = bench.exporter[Symbol.asyncDispose]();
    bench.clock.advance(5_000);
    await ended;
    assert.deepEqual(await bench.counts(), [0, 30_001]);
    bench.exporter.add(make);
    assert.deepEqual([bench.clock.timers.size, await bench.counts()], [0, [0, 30_002]]);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});
