import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { DocketError } from '../../src/errors.ts';
import * as Receipt from '../../src/receipt/verify.ts';
import type { Trust } from '../../src/receipt/trust.ts';
import { BlobView } from '../../src/scheduler/blob-view.ts';
import type { CoordinatorOptions } from '../../src/scheduler/coordinator-options.ts';
import type { FoundResult } from '../../src/scheduler/shared-results.ts';
import type { Dissent } from '../../src/scheduler/voting.ts';
import { parseAgree } from '../../src/workflow/agree.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { type Behavior, Bench, ended, gives, nameOf, type RunResult } from './harness.ts';
import { MODULE, planOf } from './helpers.ts';
import { MembersFirst, Voter } from './voters.ts';

const everybody: Trust = { accepts: () => ({ kind: 'yes' }), refused: (refusal) => assert.fail(refusal.message) };
const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }]);
const right = (label: string): string => `right ${label}`;
const wrong = (label: string): string => `wrong ${label}`;
const runHere: Behavior = (job) => gives(right(nameOf(job)))(job);
const here = { ops: ['wasm/run'], tags: {}, memory: 2 ** 40, slots: 2 };

interface Case extends Partial<CoordinatorOptions> {
  readonly slots?: never;
  readonly voter: Voter;
  readonly work?: Plan;
  readonly behave?: Behavior;
}

interface Checked extends RunResult {
  readonly dissents: readonly Dissent[];
}

/** Whatever may is given to the member. */
async function check(bench: Bench, { voter, work = plan, behave = runHere, ...options }: Case): Promise<Checked> {
  const dissents: Dissent[] = [];
  const result = await bench.run(work, behave, {
    mayCheck: () => true,
    trust: everybody,
    here,
    crew: (parts) => new MembersFirst(parts, [voter]),
    onDissent: (dissent) => dissents.push(dissent),
    cpu: 'x64',
    ...options,
  });
  return { ...result, dissents };
}

function issuersOf(bench: Bench, of: Plan): string[] {
  return bench.ledger.filedAfter('resolved', 0, of.tasks.length).map(({ receipt }) => Receipt.decode(receipt!.bytes).receipt.iss);
}

suite('Spot checks of what members give to a run', () => {
  test('run it here once more; what is given here counts, and who lied is told with proof', async () => {
    await using bench = await Bench.open();
    const liar = new Voter(wrong);
    const result = await check(bench, { voter: liar });
    assert.deepEqual([liar.asked, result.started, result.state], [['a', 'b'], ['a', 'b'], 'completed']);
    assert.deepEqual(
      result.dissents.map(({ task, issuer, isProof, agreed }) => [task, issuer, isProof, agreed.map((one) => one.issuer)]),
      [
        [0, liar.did, true, [bench.key.did]],
        [1, liar.did, true, [bench.key.did]],
      ],
    );
    assert.deepEqual(issuersOf(bench, plan), [bench.key.did, bench.key.did], 'what the liar gave is under no key');
    for (const { receipt } of result.dissents) assert(bench.ledger.receipt(receipt) !== undefined, 'but kept as evidence');
  });

  test('tell nothing of an honest member, and count each task once', async () => {
    await using bench = await Bench.open();
    const result = await check(bench, { voter: new Voter(right) });
    assert.deepEqual([result.started, result.dissents], [['a', 'b'], []]);
    assert.deepEqual(result.tasks, { total: 2, ran: 2, cached: 0, failed: 0, skipped: 0, cancelled: 0 });
  });

  test('take their share: what is not checked is not run here', async () => {
    await using bench = await Bench.open();
    const result = await check(bench, { voter: new Voter(right), mayCheck: (task) => task === 1 });
    assert.deepEqual([result.started, result.state], [['b'], 'completed']);
    const unchecked = await check(bench, { voter: new Voter(right), mayCheck: undefined, forced: () => true });
    assert.deepEqual([unchecked.started, unchecked.state], [[], 'completed']);
  });

  test('find out who says that work fails which does not', async () => {
    await using bench = await Bench.open();
    const liar = new Voter(() => ({ tag: 'error', failure: { code: 'trap', message: 'unreachable' } }));
    const result = await check(bench, { voter: liar });
    assert.deepEqual([result.state, result.dissents.length], ['completed', 2]);
  });

  test('prove nothing on another kind of processor', async () => {
    await using bench = await Bench.open();
    const { dissents } = await check(bench, { voter: new Voter(wrong, 'arm64'), work: planOf([{ name: 'a' }]) });
    assert.deepEqual(
      dissents.map(({ isProof }) => isProof),
      [false],
    );
  });

  test('are not made of what cannot be run here', async () => {
    await using bench = await Bench.open();
    const result = await check(bench, { voter: new Voter(right), here: { ...here, ops: [] } });
    assert.deepEqual([result.started, result.state], [[], 'completed']);
  });

  test('nor of what agents have to agree on', async () => {
    await using bench = await Bench.open();
    const [one, two] = [new Voter(right), new Voter(right)];
    const crew: CoordinatorOptions['crew'] = (parts) => new MembersFirst(parts, [one, two]);
    const result = await check(bench, { voter: one, crew, agree: parseAgree('2/2'), mayCheck: () => assert.fail('asked') });
    assert.deepEqual([result.started, result.state], [[], 'completed']);
  });

  for (const code of ['limit/time', 'lost'] as const)
    test(`take what the member gave if a run here says nothing of it (${code})`, async () => {
      await using bench = await Bench.open();
      const voter = new Voter(right);
      const work = planOf([{ name: 'a', meta: { retry: { attempts: 1 } } }]);
      const behave: Behavior = (job) => ended(job, { tag: 'error', failure: { code, message: 'this machine is slow' } });
      const result = await check(bench, { voter, work, behave });
      assert.deepEqual([result.state, result.started, voter.asked, result.dissents], ['completed', ['a'], ['a'], []]);
      assert.deepEqual(issuersOf(bench, work), [voter.did]);
    });

  test('nor is anything taken so from who was found out meanwhile', async () => {
    await using bench = await Bench.open();
    const voter = new Voter(wrong);
    const gone = new Set<string>();
    const trust: Trust = {
      accepts: (did) => (gone.has(did) ? { kind: 'no', reason: 'distrusted', why: 'it lied' } : { kind: 'yes' }),
      refused: () => {},
    };
    const voters = [voter];
    let runs = 0;
    const behave: Behavior = (job) => {
      gone.add(voter.did);
      voters.length = 0;
      if (runs++ > 0) return runHere(job, nameOf(job), new AbortController().signal);
      return ended(job, { tag: 'error', failure: { code: 'limit/time', message: 'too slow' } });
    };
    const work = planOf([{ name: 'a' }]);
    const result = await check(bench, { voter, trust, behave, work, crew: (parts) => new MembersFirst(parts, voters) });
    assert.deepEqual([result.state, result.started, voter.asked], ['completed', ['a', 'a'], ['a']]);
    assert.deepEqual(issuersOf(bench, work), [bench.key.did]);
  });

  test('take it too if what the task needs cannot be had here', async () => {
    await using bench = await Bench.open();
    const [voter, large] = [new Voter(right), Cid.ofBlob(Buffer.from('large, and held by a member'))];
    const work = planOf([{ name: 'a', input: { args: [large] } }]);
    let holders = [voter.did];
    const blobs = new BlobView(
      {
        small: () => undefined,
        has: (cid) => cid.equals(MODULE),
        read: () => assert.fail('nothing is read'),
        alias: () => undefined,
      },
      { add() {}, of: () => (holders.length === 0 ? undefined : { size: 5_000, dids: holders }), forget: () => void (holders = []) },
    );
    const bring = (): Promise<never> => Promise.reject(new DocketError('BLOB_MISSING', 'nobody has it'));
    const result = await check(bench, { voter, work, blobs, bring });
    assert.deepEqual([result.state, result.started, voter.asked, result.dissents], ['completed', [], ['a'], []]);
  });

  test('end with a run that is cancelled', async () => {
    await using bench = await Bench.open();
    const stop = new AbortController();
    const behave: Behavior = (_job, _name, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () =>
          resolve({ kind: 'lost', code: 'cancelled', message: 'killed', usage: { wall: 1, cpu: 1, memory: 0, output: 0 } }),
        );
        stop.abort();
      });
    const result = await check(bench, { voter: new Voter(right), behave, signal: stop.signal });
    assert.deepEqual([result.state, result.tasks.cancelled], ['cancelled', 2]);
  });

  test('are not begun in a run that was cancelled before the member gave it', async () => {
    await using bench = await Bench.open();
    const stop = new AbortController();
    const voter = new Voter((label) => {
      stop.abort();
      return right(label);
    });
    const result = await check(bench, { voter, signal: stop.signal });
    assert.deepEqual([result.state, result.started], ['cancelled', []]);
  });

  test('are answered by no hit, whoever filed that meanwhile', async () => {
    await using bench = await Bench.open();
    await using other = await Bench.open();
    const work = planOf([{ name: 'a' }]);
    await other.run(work, runHere, { cpu: 'x64' });
    const { cid, bytes } = other.ledger.receiptsOfInstruction(work.tasks[0]!.instruction, 1)[0]!;
    const { receipt } = Receipt.decode(bytes);
    const more = { heardOf: undefined, small: new Map(), held: [], holder: receipt.iss };
    const found: FoundResult = { cid, bytes, receipt, outcome: { tag: 'ok', value: right('a') }, ...more };
    const liar = new Voter(wrong);
    const result = await check(bench, {
      voter: new Voter(right),
      work,
      shared: {
        find: async (questions) => {
          // Meanwhile another run on this home gives the same to a liar.
          await check(bench, { voter: liar, work, mayCheck: undefined });
          return questions.map(() => ({ found: [found], refused: [] }));
        },
      },
    });
    assert.deepEqual(liar.asked, ['a']);
    assert.deepEqual([result.started, result.state, result.dissents], [['a'], 'completed', []]);
  });
});
