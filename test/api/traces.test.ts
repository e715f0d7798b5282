import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { attribute, type ReceivedSpan, TestCollector } from '../telemetry/collector.ts';
import { Door } from './helpers.ts';

before(() => buildGuests());

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const WORKFLOW = `
name: traced
tasks:
  fails: { module: org.example.exit, args: ["3"] }
  after: { module: org.example.count-words, stdin: { from: fails, at: /stdout } }
  counts: { module: org.example.count-words, stdin: "b b" }`;

/** All spans that an agent sent while `work` went on. */
async function spansOf(collector: TestCollector, work: (door: Door) => Promise<void>): Promise<ReceivedSpan[]> {
  {
    await using door = await Door.open({ tracing: { collector: { url: collector.url, headers: {} }, service: 'here' } });
    await Promise.all(['count-words', 'exit'].map((guest) => door.push(guest)));
    await work(door);
  }
  return collector.spans;
}

async function submit(door: Door, traceparent: string, text = WORKFLOW): Promise<void> {
  const reply = await door.ask('POST', '/v1/runs', { body: text, headers: { traceparent } });
  const { run } = (await reply.json()) as { run: string };
  await (await door.ask('GET', `/v1/runs/${run}/events`)).text();
}

const job = async (door: Door, traceparent: string): Promise<void> => {
  const reply = await door.ask('POST', '/v1/jobs/org.example.count-words/run', { body: 'a b', headers: { traceparent } });
  assert.equal(reply.status, 200, await reply.text());
};

test('a run goes on with the trace of who asked for it, its tasks are spans within', async () => {
  await using collector = await TestCollector.start();
  const began = Date.now();
  const spans = await spansOf(collector, (door) => submit(door, `00-${TRACE}-${SPAN}-01`));
  const run = spans.find(({ name }) => name === 'run traced')!;
  const tasks = spans.filter((span) => span !== run).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  assert.deepEqual([run.traceId, run.parentSpanId, run.status?.code], [TRACE, SPAN, 2]);
  assert.deepEqual(
    [attribute(run, 'docket.outcome'), attribute(run, 'docket.tasks'), attribute(run, 'docket.kind')],
    ['failed', '3', 'run'],
  );
  assert.match(String(attribute(run, 'docket.run')), /^[0-9A-Z]{26}$/);
  assert.deepEqual(
    tasks.map((span) => [span.name, attribute(span, 'docket.outcome'), attribute(span, 'docket.attempts'), span.status?.code]),
    [
      ['after', 'skipped', '0', undefined],
      ['counts', 'ok', '1', undefined],
      ['fails', 'failed', '1', 2],
    ],
  );
  for (const span of tasks) {
    assert.deepEqual([span.traceId, span.parentSpanId], [TRACE, run.spanId]);
    assert.deepEqual([attribute(span, 'docket.op'), attribute(span, 'docket.cached')], ['wasi/run', false]);
    assert.match(String(attribute(span, 'docket.instruction')), /^bafyrmi/);
    assert.ok(
      BigInt(span.startTimeUnixNano) >= BigInt(run.startTimeUnixNano) && BigInt(span.endTimeUnixNano) <= BigInt(run.endTimeUnixNano),
    );
  }
  assert.ok(BigInt(run.startTimeUnixNano) >= BigInt(began - 1) * 1_000_000n && BigInt(run.startTimeUnixNano) < BigInt(run.endTimeUnixNano));
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 4);
  for (const { traceId, spanId } of spans) assert.match(`${traceId}-${spanId}`, /^[0-9a-f]{32}-[0-9a-f]{16}$/);
  assert.deepEqual(new Set(collector.services), new Set(['here']));
});

test('a job is a trace too; a found one says so, and garbage for a parent begins a trace of its own', async () => {
  await using collector = await TestCollector.start();
  const spans = await spansOf(collector, async (door) => {
    await job(door, `00-${TRACE}-${SPAN}-01`);
    await job(door, 'garbage');
  });
  const jobs = spans.filter(({ name }) => name.startsWith('job '));
  assert.deepEqual(
    jobs.map(({ name, traceId, parentSpanId }) => [name, traceId === TRACE, parentSpanId]),
    [
      ['job org.example.count-words@1.0.0', true, SPAN],
      ['job org.example.count-words@1.0.0', false, undefined],
    ],
  );
  assert.deepEqual(
    jobs.map(({ spanId }) =>
      attribute(
        spans.find(({ parentSpanId }) => parentSpanId === spanId)!,
        'docket.cached',
      ),
    ),
    [false, true],
  );
});

test('what the one before us does not keep is not told of', async () => {
  await using collector = await TestCollector.start();
  const spans = await spansOf(collector, async (door) => {
    await submit(door, `00-${TRACE}-${SPAN}-00`);
    await job(door, `00-${TRACE}-${SPAN}-00`);
  });
  assert.deepEqual([spans, collector.requests], [[], []]);
});

test('a collector that is not there, or does not answer, changes nothing', async () => {
  const gone = await TestCollector.start();
  const { url } = gone;
  await gone[Symbol.asyncDispose]();
  const silent = await TestCollector.start(() => true);
  const doors = await Promise.all(
    [url, silent.url].map((collector) => Door.open({ tracing: { collector: { url: collector, headers: {} }, service: 'here' } })),
  );
  for (const door of doors) {
    await Promise.all(['count-words', 'exit'].map((guest) => door.push(guest)));
    await job(door, 'garbage');
    await submit(door, '');
  }
  // Else the end of that agent would be as late as it may.
  await silent[Symbol.asyncDispose]();
  await Promise.all(doors.map((door) => door[Symbol.asyncDispose]()));
});
