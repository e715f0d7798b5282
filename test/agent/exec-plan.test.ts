import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Execution, execPlan } from '../../src/agent/exec-plan.ts';
import * as Cid from '../../src/ipld/cid.ts';
import * as Key from '../../src/receipt/key.ts';
import { OPS } from '../../src/runner/ops.ts';

/** What one module is as a task: results of earlier versions of Docket are found by these names. */

const module = Cid.ofBlob(Buffer.from('a module'));
const execution: Execution = {
  name: 'x',
  module,
  args: ['a'],
  env: { K: 'v' },
  stdin: 'in',
  files: {},
  keepFiles: true,
  extensions: {},
  grants: [],
  limits: {},
};

function namesOf(of: Execution): readonly [instruction: string, key: string] {
  const { instruction, task } = execPlan(of).tasks[0]!;
  const limits = { memory: 1 << 30, output: 1 << 30, openFiles: 256 };
  const { key } = Key.resolved(task.run, task.run.input, { module, limits, grants: [], semantics: OPS['wasi/run']!.semantics });
  return [instruction.toString(), Buffer.from(key).toString('hex')];
}

test('a task without extensions is named as it was before there were any', () => {
  assert.deepEqual(namesOf(execution), [
    'bafyrmiefcvrpp4eihm3zi5gpm2jxhxamljbhlycry2xdrjqeewtlowhgbq',
    'bc279182697fc7f0b31f99c66173fa96d9a572c99b0180589431215e81310d49',
  ]);
});

test('an extension, its name and its bytes are part of what a task is', () => {
  const names = [{}, { math: module }, { maths: module }, { math: Cid.ofBlob(Buffer.from('another')) }].map((extensions) =>
    namesOf({ ...execution, extensions }).join(' '),
  );
  assert.equal(new Set(names).size, 4);
});
