import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { readMetrics } from './exposition.ts';

test('what was counted is told, with labels of whatever text', async () => {
  const metrics = new Metrics();
  const things = metrics.counter({ name: 'things_total', help: 'Things, with a \\ and\na second line.' });
  things({ of: 'a "b" \\ \n c' }).add();
  things({ of: 'a "b" \\ \n c' }).add(2);
  things({ of: 'other' });
  const values = readMetrics(await metrics.text());
  assert.deepEqual(
    [...values],
    [
      ['things_total{of="a \\"b\\" \\\\ \\n c"}', 3],
      ['things_total{of="other"}', 0],
    ],
  );
});

test('a histogram counts each value once, in all buckets it is no more than', async () => {
  const metrics = new Metrics();
  const seconds = metrics.histogram({ name: 'seconds', help: 'Seconds.' }, [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) seconds({ of: 'x' }).observe(value);
  const values = readMetrics(await metrics.text());
  assert.deepEqual(
    ['seconds_bucket{of="x",le="0.1"}', 'seconds_bucket{of="x",le="1"}', 'seconds_bucket{of="x",le="+Inf"}', 'seconds_count{of="x"}'].map(
      (name) => values.get(name),
    ),
    [2, 3, 4, 4],
  );
  assert.equal(values.get('seconds_sum{of="x"}'), 7.65);
});

test('a gauge is read when it is asked for; what is not known is not told', async () => {
  const metrics = new Metrics();
  let level: number | undefined;
  metrics.gauge({ name: 'level', help: 'A level.' }, async () => (level === undefined ? [] : [[{}, level]]));
  assert.equal(readMetrics(await metrics.text()).size, 0);
  level = -1.5;
  assert.equal(readMetrics(await metrics.text()).get('level'), -1.5);
  assert.throws(() => metrics.counter({ name: 'level', help: '' }), TypeError);
});
