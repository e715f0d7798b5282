import assert from 'node:assert/strict';

/** A strict reader of Prometheus' text format: every sample belongs to a family that was described before it, and no series comes twice. */
export function readMetrics(text: string): Map<string, number> {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  assert.ok(text.endsWith('\n'));
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, family, rest] = /^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') continue;
    if (kind === 'TYPE') {
      assert.ok(!types.has(family!), line);
      types.set(family!, rest!);
      continue;
    }
    const [, name, labels = '', value] = /^([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)$/.exec(line) ?? [];
    assert.ok(name !== undefined, `no sample: ${line}`);
    const type = types.get(name) ?? types.get(name.replace(/_(bucket|sum|count)$/, ''));
    assert.ok(type !== undefined, `of no family: ${line}`);
    if (type === 'counter') assert.match(name, /_total$/);
    const number = value === '+Inf' ? Infinity : Number(value);
    assert.ok(!Number.isNaN(number), line);
    const series = labels === '' ? name : `${name}{${labels}}`;
    assert.ok(!values.has(series), `twice: ${line}`);
    values.set(series, number);
  }
  return values;
}
