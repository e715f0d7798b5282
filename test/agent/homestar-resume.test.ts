import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, afterEach, before, describe, it } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { ofValue } from '../../src/ipld/cid.ts';
import * as DagJson from '../../src/ipld/dag-json.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import type { RunCounts } from '../../src/workflow/run-state.ts';
import { GUESTS, Place } from './helpers.ts';

/** What is known of a workflow before it is run: the cases of Homestar's own scheduler tests, and those it has none for. */

const MODULE = 'numeric.wasm';

/** An instruction that adds two numbers, or results of others. */
function add(left: Ipld, right: Ipld, nnc = ''): IpldMap {
  return { rsc: MODULE, op: 'wasm/run', input: { func: 'add', args: [left, right] }, nnc };
}

function result(instruction: IpldMap, branch = 'await/ok'): Ipld {
  return { [branch]: ofValue(instruction) };
}

const one = add(1, 2);
const two = add(result(one), 10);

let place: Place;
before(() => buildGuests());
beforeEach(() => {
  place = new Place();
  copyFileSync(join(GUESTS, MODULE), place.write(MODULE, ''));
});
afterEach(() => place[Symbol.dispose]());

/** Runs a workflow of these instructions; gives how many tasks ran and were found, and what came of those nobody awaits. */
async function run(
  ...instructions: readonly IpldMap[]
): Promise<Pick<RunCounts, 'ran' | 'cached' | 'failed'> & { readonly outputs: unknown }> {
  const tasks = instructions.map((instruction) => ({ cause: null, meta: {}, prf: [], run: instruction }));
  place.write('w.json', DagJson.encode({ tasks }));
  const { tasks: counts, outputs } = await place.runHere('w.json');
  const { ran, cached, failed } = counts;
  return { ran, cached, failed, outputs };
}

describe('a workflow of Homestar', () => {
  it('of which nothing is known runs all', async () => {
    assert.deepEqual(await run(one, two), { ran: 2, cached: 0, failed: 0, outputs: { 1: 13 } });
  });

  it('of which the first task is known runs the rest', async () => {
    await run(one);
    assert.deepEqual(await run(one, two), { ran: 1, cached: 1, failed: 0, outputs: { 1: 13 } });
  });

  it('of which all is known runs nothing, and in any order of its tasks', async () => {
    await run(one, two);
    assert.deepEqual(await run(one, two), { ran: 0, cached: 2, failed: 0, outputs: { 1: 13 } });
    assert.deepEqual(await run(two, one), { ran: 0, cached: 2, failed: 0, outputs: { 0: 13 } });
  });

  it('with the same task twice is refused; a nonce makes two of it', async () => {
    await assert.rejects(run(one, one), { code: 'WORKFLOW_DUPLICATE' });
    const again = add(1, 2, '1sod60ml6g26mfhsrsa0');
    const given = await run(one, again, add(result(one), result(again)));
    assert.deepEqual([given.outputs, given.failed], [{ 2: 6 }, 0]);
  });

  it('is found task by task, wherever in the graph what is known lies', async () => {
    const [left, right] = [add(result(one), 100), add(result(one), 200)];
    const end = add(result(left), result(right));
    await run(one, right);
    assert.deepEqual(await run(one, left, right, end), { ran: 2, cached: 2, failed: 0, outputs: { 3: 306 } });
    // The same sum by another way: another instruction, the same work.
    const other = add(result(add(200, 3)), 103);
    assert.deepEqual(await run(add(200, 3), other), { ran: 2, cached: 0, failed: 0, outputs: { 1: 306 } });
    assert.deepEqual(await run(add(200, 3), add(result(add(200, 3)), result(left)), one, left), {
      ran: 0,
      cached: 4,
      failed: 0,
      outputs: { 1: 306 },
    });
  });

  it('goes by its own branches where a task fails', async () => {
    const broken: IpldMap = { rsc: MODULE, op: 'wasm/run', input: { func: 'unreachable', args: [] }, nnc: '' };
    const given = await run(broken, add(result(broken), 1), add(1, 1), add(result(broken, 'await/error'), 1));
    assert.deepEqual([given.ran, given.failed, given.outputs], [1, 2, { 2: 2 }], 'a failure is no number');
  });
});
