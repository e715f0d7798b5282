import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { readMetrics } from '../telemetry/exposition.ts';
import { Door } from './helpers.ts';

let door: Door;
before(async () => {
  await buildGuests();
  door = await Door.open();
});
after(() => door[Symbol.asyncDispose]());

const told = async (of: Door = door): Promise<string> => (await of.ask('GET', '/metrics')).text();
const ask = async (method: string, path: string, body?: string): Promise<number> => {
  const reply = await door.ask(method, path, body === undefined ? {} : { body });
  await reply.arrayBuffer();
  return reply.status;
};

test('jobs, runs, tasks and hits are counted as they end', async () => {
  await Promise.all(['count-words', 'exit'].map((guest) => door.push(guest)));
  for (let i = 0; i < 3; i++) assert.equal(await ask('POST', '/v1/jobs/org.example.count-words/run', 'a b a'), 200);
  const workflow = `
tasks:
  fails: { module: org.example.exit, args: ["3"] }
  after: { module: org.example.count-words, stdin: { from: fails, at: /stdout } }
  found: { module: org.example.count-words, stdin: "b b" }
  twice: { module: org.example.count-words, stdin: "b b b" }`;
  const { run } = (await (await door.ask('POST', '/v1/runs', { body: workflow })).json()) as { run: string };
  await (await door.ask('GET', `/v1/runs/${run}/events`)).text();
  const values = readMetrics(await told());
  const expected: Readonly<Record<string, number>> = {
    'docket_runs_ended_total{kind="job",outcome="completed"}': 3,
    'docket_runs_ended_total{kind="run",outcome="failed"}': 1,
    'docket_runs_active{kind="job"}': 0,
    'docket_runs_active{kind="run"}': 0,
    'docket_tasks_total{op="wasi/run",outcome="ok"}': 5,
    'docket_tasks_total{op="wasi/run",outcome="failed"}': 1,
    'docket_tasks_total{op="wasi/run",outcome="skipped"}': 1,
    'docket_memo_hits_total{op="wasi/run",key="declared"}': 2,
    'docket_task_duration_seconds_count{op="wasi/run"}': 4,
    'docket_run_duration_seconds_count{kind="job"}': 3,
    docket_tasks_queued: 0,
    docket_tasks_running: 0,
    'docket_slots{state="free"}': 2,
    'docket_slots{state="busy"}': 0,
    docket_conflicts_total: 0,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(values.get(name), value, name);
  assert.ok(values.get('process_resident_memory_bytes')! > 1e6);
  assert.ok(values.get('docket_disk_free_bytes')! > 0);
});

test('what goes on shows while it does: a run, its task, the queue and the slots', async () => {
  await door.push('loop');
  const task = (i: number): string => `  t${i}: { module: org.example.loop, args: ["${i}"], limits: { time: 10min } }\n`;
  const body = `tasks:\n${[1, 2, 3, 4, 5].map(task).join('')}`;
  const { run } = (await (await door.ask('POST', '/v1/runs', { body })).json()) as { run: string };
  const events = (await door.ask('GET', `/v1/runs/${run}/events`)).body!.getReader();
  for (let text = ''; !/event: started/.test(text);) text += Buffer.from((await events.read()).value ?? []).toString();
  const values = readMetrics(await told());
  assert.equal(values.get('docket_runs_active{kind="run"}'), 1);
  assert.ok(values.get('docket_tasks_running')! > 0);
  assert.equal(values.get('docket_tasks_running')! + values.get('docket_tasks_queued')!, 5);
  assert.ok(values.get('docket_slots{state="busy"}')! > 0);
  assert.equal(await ask('POST', `/v1/runs/${run}/cancel`), 200);
  await events.cancel();
  const later = readMetrics(await told());
  assert.deepEqual(
    [
      later.get('docket_runs_active{kind="run"}'),
      later.get('docket_tasks_running'),
      later.get('docket_runs_ended_total{kind="run",outcome="cancelled"}'),
    ],
    [0, 0, 1],
  );
});

test('requests are counted by the pattern of their route, whatever their path', async () => {
  const earlier = readMetrics(await told());
  for (let i = 0; i < 5; i++) {
    assert.equal(await ask('GET', `/v1/runs/run${i}`), 404);
    assert.equal(await ask('GET', `/nowhere/${i}`), 404);
    assert.equal(await ask('HEAD', `/v1/storage/data/x/${i}`), 400);
  }
  assert.equal(await ask('PROPFIND', '/monitor/ping'), 405);
  const values = readMetrics(await told());
  const grown = (name: string): number => (values.get(name) ?? 0) - (earlier.get(name) ?? 0);
  assert.deepEqual(
    [
      'docket_http_requests_total{route="/v1/runs/:run",method="GET",status="404"}',
      'docket_http_requests_total{route="none",method="GET",status="404"}',
      'docket_http_requests_total{route="/v1/storage/data/*",method="HEAD",status="400"}',
      'docket_http_requests_total{route="/monitor/ping",method="other",status="405"}',
      'docket_http_request_duration_seconds_count{route="/v1/runs/:run"}',
    ].map(grown),
    [5, 5, 5, 1, 5],
  );
  assert.ok(![...values.keys()].some((name) => name.includes('nowhere')));
});

test('it takes a token, and two agents of one process count for themselves', async () => {
  await using other = await Door.open({ anonymous: ['run'] });
  const reply = await fetch(`${other.agent.url}/metrics`);
  assert.equal(reply.status, 401, await reply.text());
  const values = readMetrics(await told(other));
  assert.equal(values.get('docket_runs_ended_total{kind="job",outcome="completed"}'), undefined);
  assert.equal(values.get('docket_http_requests_total{route="/metrics",method="GET",status="401"}'), 1);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
test('Prometheus itself finds nothing to say against it', { skip: promtool ? false : 'there is no promtool' }, async () => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await told(), encoding: 'utf8' });
  assert.deepEqual([status, stdout + stderr], [0, '']);
});
