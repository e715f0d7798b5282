import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { type Docket, Place, type Report, slotsOf } from '../agent/helpers.ts';
import { Account, CRASH } from '../agent/kill-account.ts';
import { cbor, cidBytes, HomestarClient, instructionCid, invocationCid, type Json, workflowCid } from './judge.ts';
import { component, type Expected, rawCid, workflowOf } from './workflow.ts';

/** `kill -9` in the middle of workflows of Homestar: what is finished stays, what was under way has a receipt, and the end is that of a run nobody killed. */

let bytes: Uint8Array;
let rsc: string;
before(async () => {
  bytes = await component();
  rsc = `ipfs://${rawCid(bytes)}`;
});

/** Attempts begun by a process when it is killed, process by process. */
const POINTS = [5, 1, 3, 2];
/** The first finishes something; a third after it that does not would have the run taken for what kills its agent. */
const OF_AGENTS = POINTS.slice(0, 3);

const document = (tasks: readonly Expected[]): Json => ({ tasks: tasks.map(({ task }) => task) }) as unknown as Json;
const nameOf = (task: Expected['task']): string => cidBytes(instructionCid(task)).toString('hex');

/** Every task has the receipts it should have: those of attempts that were cut off, and one of its end. What failed is tried again whenever the run is taken up. */
function checkReceipts(tasks: readonly Expected[], place: Place, { owed }: Account): void {
  const byInstruction = Map.groupBy(place.receipts(), ({ instruction }) => instruction);
  for (const { label, task, end } of tasks) {
    const all = byInstruction.get(nameOf(task)) ?? [];
    const ends = all.filter(({ message }) => message !== CRASH).map(({ tag }) => tag);
    const wanted = end === 'failed' ? ends.map(() => 'error') : end === 'ok' ? ['ok'] : [];
    assert.deepEqual([label, ends, ends.length > 0], [label, wanted, end !== 'skipped']);
    assert.equal(all.length - ends.length, owed.get(nameOf(task)) ?? 0, `crash receipts of ${label}`);
    byInstruction.delete(nameOf(task));
  }
  assert.deepEqual([...byInstruction.keys()], [], 'receipts of what nobody asked for');
}

/** Kills a process when it began so many attempts, and waits for all of it to be gone. */
async function killedAt(point: number, docket: Docket, place: Place, begunBefore: number): Promise<void> {
  await docket.until(() => lines(place) - begunBefore >= point);
  const slots = [...place.slots(), ...slotsOf(docket)];
  await docket.kill('SIGKILL');
  await place.slotsGone(slots);
}

const lines = (place: Place): number => [...place.journals().values()].reduce((sum, all) => sum + all.length, 0);

for (const form of ['json', 'cbor'] as const)
  test(`docket run of ${form} that is killed ${POINTS.length} times`, { timeout: 120_000 }, async () => {
    using place = new Place();
    const tasks = workflowOf(rsc, form);
    assert.equal((await place.docket('store', 'put', place.write('component.wasm', bytes))).status, 0);
    const text = JSON.stringify(document(tasks));
    const file = place.write(`w.${form}`, form === 'json' ? text : cbor({ name: 'killed', workflow: document(tasks) }));
    const account = new Account(place);
    for (const [i, point] of POINTS.entries()) {
      account.open();
      const begun = lines(place);
      await killedAt(point, i % 2 === 0 ? place.start('run', file) : place.start('resume', 'last'), place, i % 2 === 0 ? 0 : begun);
      await account.close();
    }
    const { status, stdout } = await place.docket('run', file, '--json');
    const { outputs, tasks: counts, errors, workflow } = JSON.parse(stdout) as Report & { readonly workflow: string };
    assert.equal(status, 1, 'one of its tasks fails');
    assert.equal(workflow, workflowCid(tasks.map(({ task }) => task)));
    const values = tasks.flatMap(({ label, value }, i) =>
      ['last', 'measured', 'after failure'].includes(label) ? [[String(i), value]] : [],
    );
    assert.deepEqual(outputs, Object.fromEntries(values));
    assert.deepEqual([counts.failed, counts.skipped, errors.map(({ code }) => code)], [1, 1, ['trap']]);
    checkReceipts(tasks, place, account);
    assert.deepEqual(place.leftovers(), []);
    const verified = await place.docket('store', 'verify');
    assert.equal(verified.status, 0, verified.stderr);
  });

interface Agent {
  readonly docket: Docket;
  readonly url: string;
  readonly homestar: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function agentOn(place: Place): Promise<Agent> {
  const docket = place.start('agent', '--listen', '127.0.0.1:0', '--slots', '2', '--homestar-port', '0');
  await docket.until(() => docket.stderr.includes('\n'));
  const { url, homestar } = JSON.parse(docket.stderr.slice(0, docket.stderr.indexOf('\n'))) as { url: string; homestar: string };
  const token = readFileSync(join(place.paths.home, 'token'), 'utf8').trim();
  return { docket, url, homestar, headers: { authorization: `Bearer ${token}` } };
}

for (const way of ['HTTP', 'Homestar’s port'] as const)
  test(`an agent with a run that came over ${way}, killed ${OF_AGENTS.length} times`, { timeout: 120_000 }, async () => {
    using place = new Place();
    const tasks = workflowOf(rsc, way);
    const forms = tasks.map(({ task }) => task);
    const account = new Account(place);
    let run = '';
    for (const [i, point] of OF_AGENTS.entries()) {
      account.open();
      const { docket, url, homestar, headers } = await agentOn(place);
      if (i === 0) {
        await fetch(`${url}/v1/blobs`, { method: 'POST', headers, body: bytes as Uint8Array<ArrayBuffer> });
        if (way === 'HTTP') {
          const body = JSON.stringify(document(tasks));
          run = ((await (await fetch(`${url}/v1/runs`, { method: 'POST', headers, body })).json()) as { run: string }).run;
        } else {
          const client = await HomestarClient.connect(homestar);
          await client.call('subscribe_run_workflow', [{ name: 'killed', workflow: document(tasks) }]);
          run = await client.until(
            () => client.messages.find(({ params }) => params?.event === 'begun')?.params?.['run'] as string | undefined,
          );
        }
      }
      // Begun is not finished, and finished is not filed.
      if (i === 0) await docket.until(() => place.receipts().some(({ tag }) => tag === 'ok'));
      await killedAt(point, docket, place, 0);
      await account.close();
      assert.equal(place.runs().length, 1, 'it is one run, taken up');
    }
    const { docket, url, homestar, headers } = await agentOn(place);
    const events = await (await fetch(`${url}/v1/runs/${run}/events`, { headers })).text();
    assert.match(events, /event: ended\ndata: \{"state":"failed"/);
    const view = (await (await fetch(`${url}/v1/runs/${run}`, { headers })).json()) as { workflow: string; tasks: Report['tasks'] };
    assert.deepEqual([view.workflow, view.tasks.failed, view.tasks.skipped], [workflowCid(forms), 1, 1]);
    checkReceipts(tasks, place, account);
    // Whoever asks for it again is told all that was finished, by no more work than the failure takes, which is not kept.
    await using client = await HomestarClient.connect(homestar);
    const id = (await client.call('subscribe_run_workflow', [{ name: 'again', workflow: document(tasks) }])) as string;
    const told = await client.receiptsOf(id, tasks.length - 1);
    const byRan = new Map(told.map((note) => [note.receipt.ran['/'], note]));
    for (const { label, task, value, end } of tasks) {
      const note = byRan.get(invocationCid(task));
      if (end === 'skipped') assert.equal(note, undefined);
      else
        assert.deepEqual([label, note?.receipt.out[0], note?.metadata['replayed']], [label, end === 'ok' ? 'ok' : 'error', end === 'ok']);
      if (value !== undefined) assert.deepEqual(note!.receipt.out[1], value, label);
    }
    await docket.kill('SIGTERM');
  });
