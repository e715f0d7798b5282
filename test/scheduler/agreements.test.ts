import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Started } from '../../src/ledger/flight.ts';
import type { Trust } from '../../src/receipt/trust.ts';
import type { Dissent } from '../../src/scheduler/voting.ts';
import type { CoordinatorOptions } from '../../src/scheduler/coordinator-options.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { parseAgree } from '../../src/workflow/agree.ts';
import { Bench, gives, type RunResult } from './harness.ts';
import { planOf } from './helpers.ts';
import { Voter, VotingCrew } from './voters.ts';

const everybody: Trust = { accepts: () => ({ kind: 'yes' }), refused: (refusal) => assert.fail(refusal.message) };
const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }]);

interface Case extends Partial<CoordinatorOptions> {
  readonly slots?: never;
  readonly voters: readonly Voter[];
  readonly work?: Plan;
}

async function vote(bench: Bench, { voters, work = plan, ...options }: Case): Promise<RunResult & { readonly dissents: Dissent[] }> {
  const dissents: Dissent[] = [];
  const result = await bench.run(work, gives('run here'), {
    agree: parseAgree('2/3'),
    trust: everybody,
    crew: (parts) => new VotingCrew(parts, voters),
    onDissent: (dissent) => dissents.push(dissent),
    cpu: 'x64',
    ...options,
  });
  return { ...result, dissents };
}

const honest = (label: string): string => `right ${label}`;
const lying = (label: string): string => `wrong ${label}`;

suite('Tasks on whose output agents must agree', () => {
  test('each is run at as many different members as must agree, and no more', async () => {
    await using bench = await Bench.open();
    const voters = [new Voter(honest), new Voter(honest), new Voter(honest)];
    const result = await vote(bench, { voters });
    assert.equal(result.state, 'completed');
    assert.deepEqual(
      voters.map(({ asked }) => asked),
      [['a', 'b'], ['a', 'b'], []],
    );
    assert.deepEqual(result.dissents, []);
  });

  test('one that was run is in flight no more while it waits for others to agree', async () => {
    await using bench = await Bench.open();
    const journal: string[] = [];
    const flight = {
      started: (attempts: readonly Started[]) => journal.push(...attempts.map(({ index, attempt }) => `${index} ${attempt}`)),
      returned: ({ index, attempt }: Started) => void journal.push(`-${index} ${attempt}`),
    };
    const result = await vote(bench, { voters: [new Voter(honest), new Voter(honest)], work: planOf([{ name: 'a' }]), flight });
    assert.equal(result.state, 'completed');
    assert.deepEqual(journal, ['0 1', '-0 1', '0 2']);
  });

  test('a minority is outvoted and reported with proof; its result is no hit', async () => {
    await using bench = await Bench.open();
    const [liar, one, two] = [new Voter(lying), new Voter(honest), new Voter(honest)];
    const result = await vote(bench, { voters: [liar, one, two] });
    assert.equal(result.state, 'completed');
    assert.deepEqual(
      result.dissents.map(({ task, issuer, isProof }) => [task, issuer, isProof]),
      [
        [0, liar.did, true],
        [1, liar.did, true],
      ],
    );
    assert.deepEqual(
      result.dissents[0]!.agreed.map(({ issuer }) => issuer),
      [one.did, two.did],
    );
    assert.equal(result.events.filter(({ kind }) => kind === 'dissent').length, 2);
    // Another run on this home, which asks for no agreement, gets what was agreed on.
    const after = await bench.run(plan, gives('run here'));
    assert.deepEqual(after.started, []);
    const [row] = bench.ledger.filedAfter('resolved', 0, 1);
    assert(result.dissents[0]!.agreed.some(({ receipt }) => receipt.equals(row!.receipt!.cid)));
  });

  test('on another kind of processor a difference is reported, but proves nothing', async () => {
    await using bench = await Bench.open();
    const result = await vote(bench, { voters: [new Voter(lying, 'arm64'), new Voter(honest), new Voter(honest)] });
    assert.deepEqual(
      result.dissents.map(({ isProof }) => isProof),
      [false, false],
    );
  });

  test('if no so many agree the task fails, and says who gave what', async () => {
    await using bench = await Bench.open();
    const voters = ['x', 'y', 'z'].map((word) => new Voter(() => word));
    const result = await vote(bench, { voters });
    assert.equal(result.state, 'failed');
    const [error] = result.errors;
    assert.equal(error?.code, 'disagreement');
    for (const { did } of voters) assert(error?.message.includes(did));
    assert.equal(result.dissents.length, 0);
    assert.deepEqual(bench.ledger.filedAfter('resolved', 0, 10), [], 'nothing of it is a hit');
  });

  test('that a member hit a limit of its own is no vote, and held against nobody', async () => {
    await using bench = await Bench.open();
    const slow = new Voter(() => ({ tag: 'error', failure: { code: 'limit/time', message: 'too slow' } }));
    const result = await vote(bench, { voters: [slow, new Voter(honest), new Voter(honest)] });
    assert.deepEqual([result.state, result.dissents], ['completed', []]);
  });

  test('an error that the work itself gives is a vote like any other', async () => {
    await using bench = await Bench.open();
    const trap = (message: string) => new Voter(() => ({ tag: 'error', failure: { code: 'trap', message } }));
    const result = await vote(bench, {
      voters: [trap('unreachable'), trap('unreachable code'), new Voter(honest)],
      work: planOf([{ name: 'a' }]),
    });
    assert.deepEqual([result.state, result.errors[0]?.code], ['failed', 'trap']);
  });

  test('receipts of earlier runs count, unless the task is forced', async () => {
    await using bench = await Bench.open();
    const first = [new Voter(honest), new Voter(honest)];
    await vote(bench, { voters: first });
    const second = [new Voter(honest), new Voter(honest)];
    const again = await vote(bench, { voters: second });
    assert.deepEqual(again.tasks, { total: 2, ran: 0, cached: 2, failed: 0, skipped: 0, cancelled: 0 });
    assert.deepEqual(
      second.flatMap(({ asked }) => asked),
      [],
    );
    const forced = await vote(bench, { voters: second, forced: () => true });
    assert.equal(forced.tasks.ran, 2);
    assert.deepEqual(second[0]!.asked, ['a', 'b']);
  });

  test('receipts of those who are not believed any more do not', async () => {
    await using bench = await Bench.open();
    const first = [new Voter(honest), new Voter(honest)];
    await vote(bench, { voters: first });
    const second = [new Voter(honest), new Voter(honest)];
    const gone = new Set(first.map(({ did }) => did));
    const trust: Trust = {
      ...everybody,
      accepts: (did) => (gone.has(did) ? { kind: 'no', reason: 'distrusted', why: 'it lied' } : { kind: 'yes' }),
    };
    assert.equal((await vote(bench, { voters: second, trust })).tasks.ran, 2);
  });

  test('an author asks for it by the meta of a task, which leaves its instruction as it is', async () => {
    await using bench = await Bench.open();
    const work = planOf([{ name: 'a', meta: { agree: '2/2' } }, { name: 'b' }]);
    assert(work.tasks[0]!.instruction.equals(planOf([{ name: 'a' }]).tasks[0]!.instruction));
    const voters = [new Voter(honest), new Voter(honest)];
    await vote(bench, { voters, work, agree: undefined });
    assert.deepEqual(
      voters.map(({ asked }) => asked.toSorted()),
      [['a', 'b'], ['a']],
    );
  });

  test('cancelled while votes are missing, a run ends', async () => {
    await using bench = await Bench.open();
    const stop = new AbortController();
    const voters = [
      new Voter((label) => {
        stop.abort();
        return honest(label);
      }),
      new Voter(honest),
    ];
    assert.equal((await vote(bench, { voters, signal: stop.signal })).state, 'cancelled');
  });
});
