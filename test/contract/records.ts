import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { decode } from '../../src/ipld/dag-cbor.ts';
import type { Records } from '../../src/protocol/records.ts';
import type { Driver } from '../../src/scheduler/driver.ts';
import type { RunEvent } from '../../src/scheduler/events.ts';
import { compile } from '../../src/workflow/compile.ts';
import { isDocketError } from '../../src/errors.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { module } from '../api/helpers.ts';

/** A home or an agent under test, with somebody who drives runs there. */
export interface RecordsUnderTest extends AsyncDisposable {
  readonly records: Records;
  readonly driver: Driver;
}

const MANIFEST = (version: string): string =>
  `namespace = "org.example"\nname = "words"\nversion = "${version}"\nbinary = "words.wasm"\ndescription = "Counts"\n`;

/** Two tasks that say something, one that fails, and one behind it. */
async function planFor({ store }: Records, name: string): Promise<Plan> {
  const put = async (guest: string): Promise<string> => `"ipfs://${(await store.put(module(guest))).cid}"`;
  const [words, exit] = [await put('count-words'), await put('exit')];
  const text = `docket: 1
name: ${name}
tasks:
  a: { module: ${words}, stdin: { text: "one two two" } }
  b: { module: ${words}, stdin: { text: "${'three '.repeat(900)}" } }
  wrong: { module: ${exit}, args: ["3"] }
  after: { module: ${words}, stdin: { from: wrong, at: /stdout } }
`;
  const sources = {
    module: async (cid: unknown) => cid as Cid.CID,
    file: () => Promise.reject(new Error('no files')),
    directory: () => Promise.reject(new Error('no files')),
    glob: () => Promise.reject(new Error('no files')),
    blob: async (bytes: Uint8Array) => (await store.put(bytes)).cid,
  };
  return await compile(text, { file: 'w.yaml', inputs: {}, sources: { ...sources, module: (named) => Promise.resolve(cidOf(named)) } });
}

function cidOf(named: Cid.CID | string): Cid.CID {
  return typeof named === 'string' ? Cid.parse(named.replace('ipfs://', '')) : named;
}

const forEver = new AbortController().signal;

/** What every implementation of `Records` must do, with runs made by its driver. */
export function recordsContract(name: string, make: () => Promise<RecordsUnderTest>): void {
  suite(`records contract: ${name}`, () => {
    const check = (what: string, body: (under: RecordsUnderTest) => Promise<void>): void => {
      test(what, async () => {
        await using under = await make();
        await body(under);
      });
    };

    check('a run is driven, and told of as it was', async ({ records, driver }) => {
      const plan = await planFor(records, 'told');
      const events: RunEvent[] = [];
      const told: string[] = [];
      const ended = await driver.run(plan, { onEvent: (event) => events.push(event), onRun: (run) => told.push(run) });
      assert.deepEqual([ended.state, told], ['failed', [ended.run]]);
      assert.deepEqual(ended.tasks, { total: 4, ran: 2, cached: 0, failed: 1, skipped: 1, cancelled: 0 });
      assert.deepEqual(
        ended.errors.map(({ task, code, skipped }) => [task, code, skipped]),
        [['wrong', 'exit', 1]],
      );
      const settled = events.flatMap((event) => (event.kind === 'settled' ? [[plan.tasks[event.task]!.label, event.state]] : []));
      assert.deepEqual(Object.fromEntries(settled), { a: 'ok', b: 'ok', wrong: 'failed', after: 'skipped' });

      for (const word of [ended.run, ended.run.slice(0, 12).toLowerCase(), 'last']) {
        const view = await records.runs.find(word);
        assert.deepEqual([view.run, view.name, view.state, view.tasks], [ended.run, 'told', 'failed', ended.tasks]);
        assert.ok(view.workflow.equals(plan.workflow) && view.created <= view.finished!);
      }
      assert.deepEqual(
        (await records.runs.list({ limit: 5 })).map(({ run }) => run),
        [ended.run],
      );
      assert.deepEqual(await records.runs.list({ limit: 5, before: ended.run }), []);
      assert.deepEqual(await records.runs.list({ limit: 5, state: 'running' }), []);

      const { tasks, total } = await records.runs.tasks(ended.run, { from: 1, limit: 2 });
      assert.deepEqual([tasks.map(({ index }) => index), total], [[1, 2], 4]);
      const graph = await records.runs.graph(ended.run);
      assert.deepEqual(graph.tasks.find(({ label }) => label === 'after')?.awaits.length, 1);
    });

    check('what tasks wrote, short or long, and why they ran', async ({ records, driver }) => {
      const plan = await planFor(records, 'logs');
      const first = await driver.run(plan, {});
      const logs = await Array.fromAsync(records.runs.logs(first.run));
      assert.deepEqual(logs.map(({ label }) => label).toSorted(), ['a', 'b', 'wrong']);
      const [log] = await Array.fromAsync(records.runs.logs(first.run, 'a'));
      assert.deepEqual(Buffer.from(log!.stdout as Uint8Array).toString(), 'one\t1\ntwo\t2\n');
      const [wrong] = await Array.fromAsync(records.runs.logs(first.run, 'wrong'));
      assert.match(wrong!.failure!, /\[exit\]$/);
      await refuses('RECEIPT_UNKNOWN', Array.fromAsync(records.runs.logs(first.run, 'after')));
      await refuses('TASK_UNKNOWN', Array.fromAsync(records.runs.logs(first.run, 'nothing')));

      const ran = await records.runs.why(first.run, 'a');
      assert.equal(ran.why.kind, 'ran');
      const skipped = await records.runs.why(first.run, 'after');
      assert.deepEqual([skipped.why.kind, 'cause' in skipped.why && skipped.why.cause], ['skipped', 'wrong']);
      const second = await driver.run(plan, {});
      const found = await records.runs.why(second.run, 'a');
      assert.deepEqual([found.label, found.why.kind], ['a', 'found']);
      const again = await driver.run(plan, { force: ['a'] });
      const forced = await records.runs.why(again.run, 'a');
      assert.deepEqual(forced.why.kind === 'ran' && forced.why.because, { kind: 'forced' });
    });

    check('blobs by what IPFS calls them', async ({ records }) => {
      const { cid } = await records.store.put(new Uint8Array(300_000));
      const alias = Cid.parse('bafybeieb4dp5tj5rew3jhfqqsoyfx77y3ovw2xcdhelmp5hyot3xi3wjwu');
      assert.equal(await records.aliases.find(alias), undefined);
      assert.deepEqual(await records.aliases.name(cid), alias);
      assert.deepEqual(await records.aliases.find(alias), cid);
      const short = await records.store.put(Buffer.from('short'));
      assert.deepEqual(await records.aliases.name(short.cid), short.cid);
      await refuses('BLOB_MISSING', records.aliases.name(Cid.ofBlob(Buffer.from('nowhere'))));
    });

    check('receipts: their bytes, those of an instruction, what they rest on', async ({ records, driver }) => {
      const plan = await planFor(records, 'receipts');
      const { run } = await driver.run(plan, {});
      const { tasks } = await records.runs.tasks(run, { from: 0, limit: 10 });
      const task = tasks.find(({ label }) => label === 'a')!;
      const cid = Cid.parse(task.receipt!);
      const bytes = await records.receipts.get(cid);
      assert.ok(bytes !== undefined && Object.hasOwn(decode(bytes) as object, 'r'));
      const others = await records.receipts.ofInstruction(Cid.parse(task.instruction), 10);
      assert.deepEqual(
        others.map(({ receipt, out }) => [receipt.toString(), out]),
        [[task.receipt, 'ok']],
      );
      const checks = await Array.fromAsync(records.receipts.check(cid));
      assert.ok(checks.length > 3 && checks.every(({ state }) => state === 'good'));
      const nobody = Cid.ofValue('nothing');
      assert.equal(await records.receipts.get(nobody), undefined);
      await refuses('RECEIPT_UNKNOWN', Array.fromAsync(records.receipts.check(nobody)));
    });

    check('a run is resumed, and events of one that is over tell how it ended', async ({ records, driver }) => {
      const plan = await planFor(records, 'resumed');
      const { run } = await driver.run(plan, {});
      const resumed = await driver.resume(run, plan, {});
      assert.deepEqual([resumed.run, resumed.state, resumed.errors.length], [run, 'failed', 1]);
      const events = await Array.fromAsync(records.runs.events(run, 0, forEver));
      assert.equal(events.at(-1)?.kind, 'ended');
      assert.equal(await records.runs.cancel(run, forEver), 'failed');
      await records.runs.delete(run);
      await refuses('RUN_UNKNOWN', records.runs.find(run));
      await refuses('RUN_UNKNOWN', Array.fromAsync(records.runs.events(run, 0, forEver)));
    });

    check('a signal cancels a run that goes on', async ({ records, driver }) => {
      const stop = new AbortController();
      const cid = (await records.store.put(module('loop'))).cid;
      const text = `docket: 1\nname: endless\ntasks:\n  a: { module: "ipfs://${cid}", limits: { time: 60s } }\n`;
      const none = (): Promise<never> => Promise.reject(new Error('no files'));
      const sources = { module: async (named: Cid.CID | string) => cidOf(named), file: none, directory: none, glob: none, blob: none };
      const plan = await compile(text, { file: 'w.yaml', inputs: {}, sources });
      const ended = await driver.run(plan, { onEvent: ({ kind }) => kind === 'started' && stop.abort(), signal: stop.signal });
      assert.deepEqual([ended.state, (await records.runs.find(ended.run)).state], ['cancelled', 'cancelled']);
    });

    check('names of modules', async ({ records: { modules, store } }) => {
      const { cid } = await store.put(module('count-words'));
      const named = await modules.push(MANIFEST('1.0.0'), cid);
      await modules.push(MANIFEST('1.2.0'), (await store.put(module('noop'))).cid);
      assert.deepEqual([named.shown, named.version], ['org.example.words', '1.0.0']);
      assert.ok((await modules.find('org.example.words@1.0')).module.equals(cid));
      assert.ok((await modules.find(`org.example.words@${Cid.toSri(cid)}`)).manifest.equals(named.manifest));
      assert.deepEqual(
        (await modules.versions('org.example.words')).map(({ version }) => version),
        ['1.2.0', '1.0.0'],
      );
      const names = await modules.names();
      assert.deepEqual([names.length, names[0]!.versions, names[0]!.latest.version], [1, 2, '1.2.0']);
      await refuses('MANIFEST_EXISTS', modules.push(MANIFEST('1.0.0'), (await store.put(module('exit'))).cid));
      await refuses('MANIFEST_INVALID', modules.push('nonsense', cid));
      assert.deepEqual(await modules.remove('org.example.words@1.0.0'), ['1.0.0']);
      assert.deepEqual(await modules.remove('org.example.words'), ['1.2.0']);
      await refuses('MANIFEST_UNKNOWN', modules.find('org.example.words'));
    });

    check('tokens', async ({ records: { tokens } }) => {
      const made = await tokens.create({ scopes: ['run'], modules: ['org.example.words'], limits: { time: 1000 } }, 60_000);
      assert.match(made.token, /^docket_/);
      const [token, ...others] = await tokens.list();
      assert.deepEqual(others, []);
      assert.deepEqual([token!.id, token!.rights, token!.expires! - token!.created], [made.id, made.rights, 60_000]);
      assert.ok(!('token' in token!), 'it is shown once');
      await tokens.revoke(made.id);
      assert.deepEqual(await tokens.list(), []);
      await refuses('TOKEN_UNKNOWN', tokens.revoke(made.id));
      await refuses('LIMIT_REFUSED', tokens.create({ scopes: ['run'], limits: { time: 0 } }, undefined));
    });

    check('a look at everything, and at single blobs', async ({ records }) => {
      const { cid } = await records.store.put(Buffer.from('x'.repeat(10_000)));
      const all = await Array.fromAsync(records.check([], forEver));
      assert.ok(all.some(({ kind }) => kind === 'blob') && all.every(({ damage }) => damage === undefined));
      assert.deepEqual(await Array.fromAsync(records.check([cid], forEver)), [{ kind: 'blob' }]);
    });
  });
}

async function refuses(code: Parameters<typeof isDocketError>[1], work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => isDocketError(error, code) || assert.fail(`${String(error)} is not ${code}`));
}
