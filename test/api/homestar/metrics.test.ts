import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricFamilies } from '../../../src/api/homestar/metrics.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';

test('Prometheus’ text becomes JSON as Homestar has it, whatever stands in labels', async () => {
  const metrics = new Metrics();
  const odd = 'a "b", {c="d"} \\ \n e';
  metrics.counter({ name: 'a_total', help: 'Many\nlines \\ here.' })({ odd, plain: 'x' }).add(3);
  metrics.gauge({ name: 'b', help: '' }, () => [[{}, 1.5]]);
  const seconds = metrics.histogram({ name: 'c_seconds', help: 'Time.' }, [1, 2]);
  seconds({ route: '/x' }).observe(1.5);
  seconds({ route: '/y' }).observe(9);
  metrics.counter({ name: 'd_total', help: 'None yet.' });
  assert.deepEqual(metricFamilies(await metrics.text()), [
    {
      metric_type: 'gauge',
      metric_name: 'a_total',
      help: 'Many\nlines \\ here.',
      data: [{ type: 'metric', labels: { odd, plain: 'x' }, value: '3' }],
    },
    { metric_type: 'gauge', metric_name: 'b', help: '', data: [{ type: 'metric', labels: null, value: '1.5' }] },
    {
      metric_type: 'histogram',
      metric_name: 'c_seconds',
      help: 'Time.',
      data: [
        { type: 'Histogram', labels: { route: '/x' }, buckets: { 1: '0', 2: '1', '+Inf': '1' }, count: '1', sum: '1.5' },
        { type: 'Histogram', labels: { route: '/y' }, buckets: { 1: '0', 2: '0', '+Inf': '1' }, count: '1', sum: '9' },
      ],
    },
    { metric_type: 'gauge', metric_name: 'd_total', help: 'None yet.', data: [] },
  ]);
  assert.deepEqual(
    metricFamilies(await metrics.text(), 'b').map(({ metric_name }) => metric_name),
    ['b'],
  );
});
