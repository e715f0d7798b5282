import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { guest, Place, type Report } from './helpers.ts';

/** Homestar's workflows that await instructions of one another. */

let place: Place;
before(() => (place = new Place()));
after(() => place[Symbol.dispose]());

function workflow(func: string, args: readonly unknown[], nnc = ''): string {
  return JSON.stringify({
    tasks: [{ cause: null, meta: {}, prf: [], run: { rsc: guest('numeric'), op: 'wasm/run', input: { func, args }, nnc } }],
  });
}

/** The instruction of a workflow's only task. */
async function instructionOf(file: string): Promise<string> {
  const { tasks } = await place.json<{ tasks: readonly { instruction: string }[] }>('cid', file);
  return tasks[0]!.instruction;
}

test('a workflow that awaits another waits for it, and says so', async () => {
  place.write('one.json', workflow('add', [1, 2]));
  const awaited = await instructionOf('one.json');
  place.write('two.json', workflow('add', [{ 'await/ok': { '/': awaited } }, 4]));
  const two = place.start(['run', 'two.json', '--await-time', '10min']);
  let said = '';
  const ended = once(two, 'close');
  for (two.stderr.on('data', (text: Buffer) => (said += text.toString())); !said.includes('waits for a receipt');)
    await once(two.stderr, 'data');
  assert.match(said, new RegExp(`^0 waits for a receipt of ${awaited}, which the workflow does not hold: .* at most$`, 'm'));
  await place.out('run', 'one.json');
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual((await place.json<Report>('run', 'two.json')).outputs, { 0: 7 });
});

test('a result written as an argument is taken for what it holds, and is the same work', async () => {
  place.write('literal.json', workflow('add', [['ok', 3], 4]));
  assert.deepEqual((await place.json<Report>('run', 'literal.json')).outputs, { 0: 7 });
  assert.match(await place.out('why', 'last', '0'), /same resolved key/);
});

test('and fails by name if nothing comes', async () => {
  place.write('never.json', workflow('add', [1, 2], '1sod60ml6g26mfhsrsa0'));
  const awaited = await instructionOf('never.json');
  place.write('waits.json', workflow('add', [{ 'await/error': { '/': awaited } }, 4]));
  const { status, stdout } = await place.docket(['run', 'waits.json', '--await-time', '0', '--json']);
  const { state, errors } = JSON.parse(stdout) as Report;
  assert.deepEqual([status, state, errors[0]?.code], [1, 'failed', 'unresolved']);
  assert.match(errors[0]!.message, new RegExp(`^no failure of ${awaited}`));
  assert.equal((await place.docket(['run', 'waits.json', '--await-time', 'soon'])).status, 2);
  for (const more of [[], ['--local']]) {
    const { status: refused, stderr } = await place.docket(['run', 'waits.json', '--await-time', '100000h', ...more]);
    assert.deepEqual([refused, /--await-time takes at most 1 d, not "100000h"/.test(stderr)], [2, true], stderr);
  }
});
