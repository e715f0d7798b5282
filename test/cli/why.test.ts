import assert from 'node:assert/strict';
import { readFileSync, rmSync, utimesSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { guest, Place, type Report } from './helpers.ts';

/** `docket why` is true in every situation. The tests follow each other on one home: each says what changed since the last. */

let place: Place;

const workflow = (memory: string, module = guest('top-words')): string => `
docket: 1
inputs: { status: { default: "1" }, top: { default: "5" } }
tasks:
  count: { each: { glob: "texts/*.md" }, module: ${guest('count-words')}, stdin: { file: "\${item}" }, limits: { memory: ${memory} } }
  merge: { reduce: count, module: ${guest('merge-counts')}, files: { parts/: { parts: /stdout } } }
  top: { module: ${module}, args: ["\${inputs.top}"], stdin: { from: merge, at: /stdout } }
  tree: { module: ${guest('noop')}, files: { t/: { dir: texts } } }
  random: { module: ${guest('noop')}, grant: [random] }
  never: { module: ${guest('noop')}, memo: never }
  fail: { module: ${guest('exit')}, args: ["\${inputs.status}"] }
  kept: { module: ${guest('exit')}, args: ["\${inputs.status}"], memo: errors, nonce: kept }
  behind: { module: ${guest('top-words')}, stdin: { from: fail, at: /stdout } }
  unless: { module: ${guest('top-words')}, stdin: { from: top, at: /message, on: error } }
outputs: { top: { from: top, at: /stdout } }
`;

interface Why {
  readonly kind: string;
  readonly receipt?: string | null;
  readonly failure?: string | null;
  readonly because?: { readonly kind: string } | null;
  readonly nearest?: {
    readonly differences: readonly {
      readonly field: string;
      readonly before: unknown;
      readonly after: unknown;
      readonly from: string | null;
    }[];
  } | null;
}

const run = (...args: string[]): Promise<Report> => place.json<Report>('run', 'w.yaml', ...args);
const why = (task: string): Promise<Why> => place.json<Why>('why', 'last', task);
const whys = (...tasks: string[]): Promise<Why[]> => Promise.all(tasks.map(why));
const reasons = async (...tasks: string[]): Promise<(string | undefined)[]> => (await whys(...tasks)).map(({ because }) => because?.kind);
const changes = async (task: string): Promise<unknown[]> =>
  (await why(task)).nearest?.differences.map(({ field, from }) => [field, from]) ?? [];

before(() => {
  place = new Place();
  for (const n of [1, 2, 3]) place.write(`texts/${n}.md`, `word${n} common\n`);
  place.write('w.yaml', workflow('64MiB'));
});
after(() => place[Symbol.dispose]());

test('a first run has nothing to compare with; what was not run says because of what', async () => {
  assert.equal((await run()).state, 'completed');
  const [top, random, never, fail, behind, unless] = await Promise.all(
    ['top', 'random', 'never', 'fail', 'behind', 'unless'].map((task) => place.out('why', 'last', task)),
  );
  assert.match(top!, /^top was run: receipt bafyrmi\S+\.\n {2}There is no earlier result of it/);
  assert.match(random!, /differs between runs \(random\): an earlier/);
  assert.match(never!, /memo policy is "never"/);
  assert.match(fail!, /It failed: the program ended with exit status 1 \[exit\]\n {2}There is no earlier result/);
  assert.match(behind!, /^behind was not run: fail failed: .*exit status 1 \[exit\]/);
  assert.match(unless!, /^unless was not run: it waits for a failure of top, which succeeded/);
});

test('nothing changed: results are found, upstream is not looked at, failures are tried again unless kept', async () => {
  utimesSync(place.at('texts', '1.md'), 1, 1);
  await run();
  const [top, merge, count, kept] = await whys('top', 'merge', 'count[texts/1.md]', 'kept');
  assert.deepEqual([top!.kind, merge!.kind, count!.kind], ['found', 'unneeded', 'unneeded']);
  assert.deepEqual([kept!.kind, kept!.failure], ['found', 'the program ended with exit status 1 [exit]']);
  assert.deepEqual(await reasons('random', 'never', 'fail'), ['impure', 'memo: never', 'failed before']);
  assert.match(await place.out('why', 'last', 'merge'), /everything that wants it \(top\) was found/);
  assert.match(await place.out('why', 'last', 'top'), /receipt bafyrmi\S+ was used\.\n {2}It has the same declared key/);
});

test('a changed file is named where it is read, and its way through the tasks behind it', async () => {
  place.write('texts/2.md', 'word2 common common\n');
  await run();
  assert.deepEqual(await changes('count[texts/2.md]'), [['input.stdin', null]]);
  assert.deepEqual(await changes('merge'), [['input.files["parts/"][1]', 'count[texts/2.md]']]);
  assert.deepEqual(await changes('top'), [['input.stdin', 'merge']]);
  assert.deepEqual(await changes('tree'), [['input.files.t["2.md"]', null]]);
  assert.match(
    await place.out('why', 'last', 'merge'),
    /\[1\]: "common\\t1\\nword2\\t1\\n" → "common\\t2\\nword2\\t1\\n" \(from count\[texts\/2\.md\]\)\n$/,
  );
});

test('a change that changes no result stops there', async () => {
  place.write('texts/2.md', 'common word2, common!\n');
  const { tasks } = await run();
  assert.equal((await why('count[texts/2.md]')).kind, 'ran');
  assert.deepEqual(
    (await whys('merge', 'top')).map(({ kind }) => kind),
    ['found', 'found'],
  );
  assert.match(await place.out('why', 'last', 'merge'), /same resolved key/);
  assert.ok(tasks.cached >= 4);
});

test('limits, arguments and the module are fields like others', async () => {
  place.write('top.wasm', Buffer.concat([readFileSync(guest('top-words')), Uint8Array.of(0, 2, 1, 0x78)]));
  place.write('w.yaml', workflow('32MiB', 'top.wasm'));
  await run('--input', 'top=2', '--input', 'status=9');
  const [count, fail] = await whys('count[texts/1.md]', 'fail');
  assert.deepEqual(count!.nearest?.differences, [{ field: 'limits.memory', before: 64 << 20, after: 32 << 20, from: null }]);
  assert.deepEqual((await changes('top')).map((change) => (change as string[])[0]).toSorted(), ['input.args[0]', 'module']);
  assert.deepEqual(
    [fail!.kind, fail!.failure, fail!.because],
    ['ran', 'the program ended with exit status 9 [exit]', null],
    'a failure of another key is none of this work',
  );
});

test('what was forced says so', async () => {
  await run('--input', 'top=2', '--force-task', 'top');
  assert.deepEqual(await reasons('top'), ['forced']);
  assert.equal((await why('merge')).kind, 'found');
});

test('a result whose blobs are gone is made again, and that is the reason given', async () => {
  place.write(
    'w.yaml',
    `tasks: { split: { module: ${guest('count-words')}, stdin: "${Array.from({ length: 3_000 }, (_, i) => `w${i}`).join(' ')}" } }\noutputs: { o: { from: split, at: /stdout } }\n`,
  );
  await run();
  rmSync(place.at('home', 'store', 'content-v2'), { recursive: true });
  await run();
  const split = await why('split');
  assert.deepEqual([split.kind, split.because?.kind], ['ran', 'blobs gone']);
  assert.match(await place.out('why', 'last', 'split'), /has this very key, but blobs it names are gone/);
});

test('runs and tasks that are not there are told, with the nearest', async () => {
  const said = async (...args: string[]): Promise<string> => (await place.docket(['why', ...args])).stderr;
  assert.match(await said('last', 'splat'), /no task "splat" \(did you mean "split"\?\); there are: split \[TASK_UNKNOWN\]/);
  assert.match(await said('01ZZZ', 'split'), /no run "01ZZZ" in this home/);
  assert.match(await said('01', 'split'), /"01" is the beginning of several runs/);
});
