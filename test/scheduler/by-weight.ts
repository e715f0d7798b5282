import assert from 'node:assert/strict';

/** Whether all had what is theirs, by count: each weight together to a fifth, and nobody less than half of it. */
export function assertByWeight(runs: readonly { readonly weight: number; readonly had: number }[]): void {
  const all = runs.reduce((sum, { had }) => sum + had, 0);
  const weights = runs.reduce((sum, { weight }) => sum + weight, 0);
  const due = (weight: number): number => (all * weight) / weights;
  for (const [weight, alike] of Map.groupBy(runs, (run) => run.weight)) {
    const had = alike.reduce((sum, run) => sum + run.had, 0);
    const part = had / (due(weight) * alike.length);
    assert.ok(part > 0.8 && part < 1.2, `runs of weight ${weight} had ${part.toFixed(2)} of what is theirs`);
    for (const run of alike) assert.ok(run.had >= due(weight) / 2, `one of weight ${weight} had ${run.had} of ${due(weight).toFixed(1)}`);
  }
}
