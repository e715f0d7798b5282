import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { decode } from '../../src/ipld/dag-json.ts';
import { guest, Place } from './helpers.ts';

const WORKFLOW = readFileSync(new URL('../../examples/02-numbers/workflow.json', import.meta.url), 'utf8');

interface Report {
  readonly workflow: string;
  readonly state: string;
  readonly tasks: { readonly total: number; readonly ran: number };
  readonly outputs: unknown;
}

test('a workflow in DAG-CBOR is run from a file or from stdin, and is the one in JSON', async () => {
  using place = new Place();
  // Where the workflow names it.
  place.write('build/guests/numeric.wasm', readFileSync(guest('numeric')));
  place.write('a/b/workflow.json', WORKFLOW);
  place.write('a/b/workflow.cbor', encode(decode(WORKFLOW)));
  const named = encode({ name: 'numbers', workflow: decode(WORKFLOW) });
  const cbor = JSON.parse(await place.out('run', 'a/b/workflow.cbor', '--json')) as Report;
  const json = JSON.parse(await place.out('run', 'a/b/workflow.json', '--json')) as Report;
  assert.deepEqual([cbor.workflow, cbor.outputs, cbor.tasks.ran], [json.workflow, json.outputs, cbor.tasks.total]);
  assert.deepEqual([json.state, json.tasks.ran], ['completed', 0]);
  const piped = await place.docket(['run', '-', '--json'], { stdin: named, cwd: place.at('a/b') });
  assert.equal((JSON.parse(piped.stdout) as Report).workflow, json.workflow, piped.stderr);
  assert.match(await place.out('runs'), /\bnumbers\b/);
});

test('what is wrong in one is told with its place', async () => {
  using place = new Place();
  place.write('workflow.cbor', encode({ tasks: [{ run: 1, meta: {}, prf: [] }] }));
  place.write('torn.cbor', encode({ tasks: [] }).slice(0, 3));
  const wrong = await place.docket(['run', 'workflow.cbor']);
  assert.deepEqual([wrong.status, wrong.stdout], [2, '']);
  assert.match(wrong.stderr, /^docket: workflow\.cbor#\/tasks\/0\/run: a task must have "run", an instruction \[WORKFLOW_INVALID\]/);
  const torn = await place.docket(['run', 'torn.cbor']);
  assert.equal(torn.status, 2);
  assert.match(torn.stderr, /^docket: torn\.cbor: not canonical DAG-CBOR at byte 1: .* \[WORKFLOW_SYNTAX\]/);
});
