import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { encode } from '../../../src/ipld/dag-cbor.ts';
import { generateSeed, keyOf, type Key } from '../../../src/ipld/identity.ts';
import type { Ipld, IpldMap } from '../../../src/ipld/value.ts';
import { isMap } from '../../../src/ipld/value.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { FiledResult } from '../../../src/mesh/mesh.ts';
import { decodeShared, encodeShared, type SharedResult } from '../../../src/protocol/mesh/shared-result.ts';
import { state } from '../../../src/receipt/statement.ts';
import { toIpld } from '../../../src/receipt/model.ts';
import { decode } from '../../../src/receipt/verify.ts';
import { type Behavior, gives, nameOf } from '../../scheduler/harness.ts';
import { planOf, type Sketch } from '../../scheduler/helpers.ts';
import { hexOf } from '../../../src/scheduler/blob-view.ts';
import { Site } from './sharing.ts';
import type { TrustMode } from '../../../src/agent/trust/trust.ts';

const echo: Behavior = (job) => gives([nameOf(job), isMap(job.input) ? job.input['args']! : null])(job);
const chain: readonly Sketch[] = [{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c', awaits: ['b'] }];
const plan = planOf(chain);

/** Two members, and what one of them computed and filed. */
class Pair implements AsyncDisposable {
  readonly mesh: LocalMesh;
  readonly members: Set<string>;
  readonly a: Site;
  readonly b: Site;
  readonly #stack: AsyncDisposableStack;

  private constructor(mesh: LocalMesh, members: Set<string>, a: Site, b: Site, stack: AsyncDisposableStack) {
    this.mesh = mesh;
    this.members = members;
    this.a = a;
    this.b = b;
    this.#stack = stack;
  }

  static async open({
    mode = 'members',
    work = plan,
    behave = echo,
  }: { mode?: TrustMode; work?: typeof plan; behave?: Behavior } = {}): Promise<Pair> {
    await using stack = new AsyncDisposableStack();
    const mesh = new LocalMesh();
    const members = new Set<string>();
    const a = stack.use(await Site.open(mesh, members));
    const b = stack.use(await Site.open(mesh, members, mode));
    await a.run(work, behave);
    await a.fileAll();
    return new Pair(mesh, members, a, b, stack.move());
  }

  /** Everything A filed, by key. */
  async filed(): Promise<FiledResult[]> {
    const { ledger } = this.a.bench;
    const keys = (['resolved', 'declared'] as const).flatMap((table) => ledger.filedAfter(table, 0, 100).map(({ key }) => key));
    return (await this.a.mesh.results.latest(keys)).filter((one) => one !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function signed(value: Ipld, key: Key): Promise<Uint8Array> {
  return encode({ r: value, s: await key.sign(encode(value)) });
}

function opened(filed: FiledResult): SharedResult {
  const shared = decodeShared(filed.value);
  assert(!('refused' in shared));
  return shared;
}

suite('Results in the mesh', () => {
  test('a graph that was finished at one member is one question at another, which runs nothing', async () => {
    await using pair = await Pair.open();
    assert.deepEqual(pair.a.filed, { resolved: 3, declared: 2 });
    const result = await pair.b.run(plan, echo);
    assert.deepEqual([result.started, result.tasks.cached, result.state], [[], 3, 'completed']);
    assert.deepEqual(pair.b.asked, [{ keys: 1, found: 1, isAnswered: true }]);
    assert.equal(result.events.find((event) => event.kind === 'settled' && event.via === 'declared') !== undefined, true);
    // From now on it is a result of this home, also without a mesh.
    assert.deepEqual((await pair.b.run(plan, echo, { shared: undefined })).started, []);
  });

  test('what is the same work in another graph is found by its resolved key', async () => {
    const shared: readonly Sketch[] = [
      { name: 'a1', input: { func: 'a' } },
      { name: 'x', awaits: ['a1'], input: { func: 'x' } },
    ];
    const other: readonly Sketch[] = [
      { name: 'a2', input: { func: 'a', extra: 1 } },
      { name: 'y', awaits: ['a2'], input: { func: 'x' } },
    ];
    const behave: Behavior = (job) => gives(nameOf(job) === 'a' ? 7 : 8)(job);
    await using pair = await Pair.open({ work: planOf(shared), behave });
    const result = await pair.b.run(planOf(other), behave);
    assert.deepEqual(result.started, ['a']);
    assert(result.events.some((event) => event.kind === 'settled' && event.via === 'resolved'));
    // Whoever found it so can say so: it is told further under the new declared key.
    await pair.b.fileAll();
    assert.deepEqual(pair.b.filed, { resolved: 1, declared: 1 });
  });

  test('of a task that awaits nothing the resolved key is asked for and told alone, and nobody’s word is needed', async () => {
    const sources = planOf([{ name: 'a' }, { name: 'b' }]);
    await using pair = await Pair.open({ work: sources });
    assert.deepEqual(pair.a.filed, { resolved: 2, declared: 0 });
    assert((await pair.filed()).every((one) => opened(one).statement === undefined));
    const result = await pair.b.run(sources, echo);
    assert.deepEqual([result.started, result.tasks.cached], [[], 2]);
    assert.deepEqual(pair.b.asked, [{ keys: 2, found: 2, isAnswered: true }]);
    const again = await pair.b.run(sources, echo, { shared: undefined });
    assert(
      again.events.every((event) => event.kind !== 'settled' || event.via === 'declared'),
      'here it has both keys',
    );
    await pair.b.fileAll();
    assert.deepEqual(pair.b.filed, { resolved: 0, declared: 0 });
  });

  test('a receipt that another issued for this home is told again under its resolved key, if all it names is here', async () => {
    const bytes = new TextEncoder().encode('a small blob');
    const cid = Cid.ofBlob(bytes);
    const work = planOf([{ name: 'a' }]);
    for (const isWhole of [true, false]) {
      await using elsewhere = await Pair.open({ work, behave: gives(cid, new Map([[hexOf(cid), bytes]])) });
      await using pair = await Pair.open({ work: planOf([]) });
      const { ledger } = elsewhere.a.bench;
      const [{ key, receipt }] = ledger.filedAfter('resolved', 0, 1) as [ReturnType<typeof ledger.filedAfter>[number]];
      const { ran: invocation, meta } = decode(receipt!.bytes).receipt;
      await pair.a.bench.ledger.commit([
        ...(isWhole ? [{ kind: 'small', blobs: new Map([[hexOf(cid), bytes]]) } as const] : []),
        { kind: 'receipt', cid: receipt!.cid, instruction: meta.instruction, invocation, bytes: receipt!.bytes, at: 0 },
        { kind: 'memo', table: 'declared', key: new Uint8Array(32), receipt: receipt!.cid, isPlain: true },
      ]);
      await pair.a.fileAll();
      const [told] = await pair.a.mesh.results.latest([key]);
      assert.equal(told?.issuer, isWhole ? pair.a.did : undefined);
      if (told === undefined) continue;
      assert.deepEqual(Buffer.from(opened(told).receipt), Buffer.from(receipt!.bytes));
      pair.members.add(elsewhere.a.did);
      assert.deepEqual((await pair.b.run(work, echo)).started, []);
    }
  });

  test('what was only heard is not told further', async () => {
    await using pair = await Pair.open();
    await pair.b.run(plan, echo);
    await pair.b.fileAll();
    assert.deepEqual(pair.b.filed, { resolved: 0, declared: 0 });
  });

  test('small blobs come with a result, so it is of use when its issuer is gone; others beside them are not kept', async () => {
    const bytes = new TextEncoder().encode('a small blob');
    const cid = Cid.ofBlob(bytes);
    await using pair = await Pair.open({ work: planOf([{ name: 'a' }]), behave: gives(cid, new Map([[hexOf(cid), bytes]])) });
    for (const one of await pair.filed()) {
      const extra = new TextEncoder().encode('stuffing');
      const small = new Map([...opened(one).small, [hexOf(Cid.ofBlob(extra)), extra]]);
      await pair.a.mesh.results.file([{ ...one, value: encodeShared({ ...opened(one), small }) }]);
    }
    const result = await pair.b.run(planOf([{ name: 'a' }]), echo);
    assert.deepEqual(result.started, []);
    assert.deepEqual(Buffer.from(pair.b.bench.ledger.small.get(hexOf(cid))!), Buffer.from(bytes));
    assert.equal(pair.b.bench.ledger.small.get(hexOf(Cid.ofBlob(new TextEncoder().encode('stuffing')))), undefined);
  });

  test('a link that is down costs nothing, and an engine that does not answer a second once', async () => {
    await using pair = await Pair.open();
    const { results, link } = pair.b.mesh;
    const cut = Object.create(pair.b.mesh, {
      link: { value: { tag: 'down', since: 0, error: new Error('cut') } },
      results: { value: { ...results, latest: () => assert.fail('nobody is to be asked') } },
    }) as typeof pair.b.mesh;
    const { ResultFinder } = await import('../../../src/agent/trust/result-finder.ts');
    const { trust, clock } = pair.b;
    const options = { trust, clock, onAsked: (asked: (typeof pair.b.asked)[number]) => void pair.b.asked.push(asked) };
    assert.deepEqual((await pair.b.run(plan, echo, { shared: new ResultFinder({ ...options, mesh: cut }) })).started, ['a', 'b', 'c']);

    const deaf = {
      link,
      results: {
        latest: () => new Promise<never>(() => {}),
        all: results.all.bind(results),
        file: results.file.bind(results),
        made: results.made.bind(results),
      },
    };
    const finder = new ResultFinder({ ...options, mesh: deaf });
    const question = {
      table: 'resolved',
      key: new Uint8Array(32),
      most: 1,
      expected: { module: null, grants: [], limits: { memory: 1, output: 1, openFiles: 1 }, outcome: 'ok' },
    } as const;
    const asked = finder.find([question]);
    clock.advance(1_000);
    assert.deepEqual(await asked, [{ found: [], refused: [] }]);
    assert.deepEqual(await finder.find([question]), [{ found: [], refused: [] }], 'at once: nobody is asked for a while');
    assert.deepEqual(pair.b.asked.at(-1), { keys: 1, found: 0, isAnswered: false });
  });

  test('listed: what was computed by somebody who is not listed is run again, and counted by who signed', async () => {
    await using pair = await Pair.open({ mode: 'listed' });
    const result = await pair.b.run(plan, echo);
    assert.deepEqual(result.started, ['a', 'b', 'c']);
    assert(pair.b.refused.length > 0 && pair.b.refused.every(({ reason, issuer }) => reason === 'untrusted' && issuer === pair.a.did));
    assert(result.events.some((event) => event.kind === 'refused' && event.member === pair.a.did));
  });

  test('a result of one who left is believed as long as it was a member, and not of one who is distrusted', async () => {
    await using pair = await Pair.open();
    await pair.b.trust.distrust({ did: pair.a.did, why: 'it lied', evidence: [] });
    assert.deepEqual((await pair.b.run(plan, echo)).started, ['a', 'b', 'c']);
    assert(pair.b.refused.every(({ reason }) => reason === 'distrusted'));
  });

  suite('what was tampered with is refused and run', () => {
    const stranger = keyOf(generateSeed());
    const forgeries: Record<string, (one: FiledResult, pair: Pair) => Promise<Uint8Array>> = {
      garbage: async () => Uint8Array.of(1, 2, 3),
      'a newer version': async (one) => encode({ v: 2, receipt: opened(one).receipt, small: {}, held: [] }),
      'no signature': async (one) => encodeShared({ ...opened(one), receipt: encode(toIpld(decode(opened(one).receipt).receipt)) }),
      'another output': async (one) => {
        const { receipt } = decode(opened(one).receipt);
        return encodeShared({
          ...opened(one),
          receipt: encode({ r: { ...toIpld(receipt), out: ['ok', 'a lie'] }, s: decode(opened(one).receipt).signature }),
        });
      },
      'another signer': async (one) =>
        encodeShared({ ...opened(one), receipt: await signed(toIpld(decode(opened(one).receipt).receipt), stranger) }),
      'a stranger’s own receipt': async (one) => {
        const plain = toIpld(decode(opened(one).receipt).receipt);
        const own = { ...plain, iss: stranger.did, meta: { ...(plain['meta'] as IpldMap), agent: stranger.did } };
        const receipt = await signed(own, stranger);
        return encodeShared({ ...opened(one), receipt, statement: await state(one.key, Cid.ofValue(own), stranger) });
      },
      'a statement of a stranger, or another key': async (one) => {
        const { cid, receipt } = decode(opened(one).receipt);
        // Under a resolved key the statement counts nothing, so the receipt is one with another key there.
        const other = { ...toIpld(receipt), meta: { ...(toIpld(receipt)['meta'] as IpldMap), key: new Uint8Array(32) } };
        return encodeShared({ ...opened(one), receipt: await signed(other, stranger), statement: await state(one.key, cid, stranger) });
      },
    };
    for (const [name, forge] of Object.entries(forgeries)) {
      test(name, async () => {
        await using pair = await Pair.open();
        for (const one of await pair.filed()) await pair.a.mesh.results.file([{ ...one, value: await forge(one, pair) }]);
        const result = await pair.b.run(plan, echo);
        assert.deepEqual(result.started, ['a', 'b', 'c']);
        assert(pair.b.refused.length >= 3);
        assert(result.events.some((event) => event.kind === 'refused'));
      });
    }

    test('every byte of what is filed', async () => {
      await using pair = await Pair.open({ work: planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }]) });
      const [, resolved, declared] = await pair.filed();
      const { readShared } = await import('../../../src/agent/trust/read-shared.ts');
      const { meta } = decode(opened(resolved!).receipt).receipt;
      const expected = { module: meta.module ?? null, grants: [], limits: meta.limits as never, outcome: 'ok' } as const;
      for (const [table, one] of [
        ['resolved', resolved!],
        ['declared', declared!],
      ] as const) {
        const question = { table, key: one.key, expected: { ...expected, ...(table === 'resolved' ? { key: one.key } : {}) }, most: 1 };
        const before = readShared(one, question, pair.b.trust);
        assert('found' in before);
        for (let at = 0; at < one.value.length; at++) {
          const value = one.value.slice();
          value[at]! ^= 0x10;
          const read = readShared({ ...one, value }, question, pair.b.trust);
          // What is beside the receipt may differ, and is checked by itself.
          if ('found' in read) assert(read.found.cid.equals(before.found.cid), `byte ${at} of ${table}`);
        }
      }
    });
  });

  test('a receipt under a key it does not belong to is refused, however sound', async () => {
    await using pair = await Pair.open();
    const all = await pair.filed();
    const turned = all.map((one, i) => ({ ...one, value: all[(i + 1) % all.length]!.value }));
    await pair.a.mesh.results.file(turned);
    assert.deepEqual((await pair.b.run(plan, echo)).started, ['a', 'b', 'c']);
    assert(pair.b.refused.some(({ reason }) => reason === 'other') && pair.b.refused.some(({ reason }) => reason === 'statement'));
  });

  test('an untrusted newer result, or a flood of garbage, hides no trusted one', async () => {
    await using pair = await Pair.open();
    const attacker = pair.mesh.join('did:key:attacker');
    for (const one of await pair.filed()) {
      const flood = Array.from({ length: 200 }, (_, i) => ({ key: one.key, issuer: `did:key:flood-${i}`, value: Uint8Array.of(i) }));
      await attacker.results.file([...flood, { ...one, issuer: 'did:key:attacker', value: new Uint8Array(1) }]);
    }
    assert.deepEqual((await pair.b.run(plan, echo)).started, []);
    // The newest is looked at first; of the rest the trusted one is.
    assert.equal(pair.b.refused.length, 1);
    await attacker[Symbol.asyncDispose]();
  });

  test('what is filed while the link is down is filed later, also over a restart', async () => {
    await using stack = new AsyncDisposableStack();
    const mesh = new LocalMesh();
    const members = new Set<string>();
    const site = stack.use(await Site.open(mesh, members));
    let refuse = true;
    const { results } = site.mesh;
    const file = results.file.bind(results);
    results.file = async (all) => (refuse ? Promise.reject(new Error('cut')) : await file(all));
    await site.run(plan, echo);
    await site.fileAll(40);
    assert.deepEqual(site.filed, { resolved: 0, declared: 0 });
    assert(site.troubles.length > 0 && site.troubles.length < 20, 'later each time');
    await site.reopenFiler();
    refuse = false;
    await site.fileAll();
    assert.deepEqual(site.filed, { resolved: 3, declared: 2 });
    await site.reopenFiler();
    await site.fileAll();
    assert.deepEqual(site.filed, { resolved: 3, declared: 2 }, 'a mark says how far it was');
    results.made = async () => 1;
    await site.reopenFiler();
    await site.fileAll();
    assert.deepEqual(site.filed, { resolved: 6, declared: 4 }, 'an engine that lost all is told again');
    results.made = async () => 2;
    site.clock.advance(1_000);
    await site.fileAll();
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    await site.fileAll();
    assert.deepEqual(site.filed, { resolved: 9, declared: 6 }, 'also while it is there');
  });

  test('who is about to leave tells all there is, and waits for no engine that does not take it', async () => {
    await using site = await Site.open(new LocalMesh(), new Set());
    await site.run(plan, echo);
    assert.ok(site.behind > 0);
    const over = { isSo: false };
    const waited = async (ms: number): Promise<number> => {
      over.isSo = false;
      const began = site.clock.monotonic();
      const telling = site.told(ms).finally(() => (over.isSo = true));
      while (!over.isSo) {
        await new Promise((resolve) => setImmediate(resolve));
        site.clock.advance(10);
      }
      await telling;
      return site.clock.monotonic() - began;
    };
    const { results } = site.mesh;
    const file = results.file.bind(results);
    results.file = () => Promise.reject(new Error('no leader'));
    assert.ok((await waited(2_000)) >= 2_000);
    results.file = file;
    await waited(2_000);
    assert.equal(site.behind, 0);
  });

  test('who waits for what is filed to be kept waits for the engine to take it, and together only so long for one that takes nothing', async () => {
    await using site = await Site.open(new LocalMesh(), new Set());
    const { results } = site.mesh;
    const file = results.file.bind(results);
    const taken = Promise.withResolvers<void>();
    results.file = async (all) => {
      await taken.promise;
      return await file(all);
    };
    await site.run(plan, echo);
    const turns = async (ms: number): Promise<void> => {
      for (let left = ms; left > 0; left -= 10) {
        await new Promise((resolve) => setImmediate(resolve));
        site.clock.advance(10);
      }
    };
    const kept: string[] = [];
    const wait = (name: string): void => void site.kept(1_000).then(() => kept.push(name));
    wait('a');
    await turns(600);
    wait('b');
    await turns(200);
    assert.deepEqual(kept, []);
    await turns(300);
    assert.deepEqual(kept, ['a', 'b']);
    wait('c');
    await turns(10);
    assert.deepEqual(kept, ['a', 'b', 'c'], 'nobody else waits for it');
    taken.resolve();
    await site.fileAll();
    results.file = file;
    await site.run(planOf([{ name: 'more' }]), echo);
    assert.ok(site.behind > 0);
    wait('d');
    await turns(100);
    assert.deepEqual([kept.at(-1), site.behind], ['d', 0]);
    wait('e');
    await turns(10);
    assert.equal(kept.at(-1), 'e', 'there is nothing to wait for');
  });

  test('a ledger that cannot be read, or not written, for a while is told of, and all is filed afterwards', async (t) => {
    await using site = await Site.open(new LocalMesh(), new Set());
    const { ledger } = site.bench;
    await site.run(plan, echo);
    const read = t.mock.method(ledger, 'filedAfter', () => {
      throw new Error('disk I/O error');
    });
    await site.fileAll(40);
    assert.deepEqual(site.filed, { resolved: 0, declared: 0 });
    assert(site.troubles.length > 1 && site.troubles.length < 20, `tried ${site.troubles.length} times, later each time`);
    read.mock.restore();
    await site.fileAll();
    assert.deepEqual(site.filed, { resolved: 3, declared: 2 });
    const before = site.troubles.length;
    const written = t.mock.method(ledger, 'commit', () => Promise.reject(new Error('disk full')));
    site.clock.advance(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(site.troubles.length, before + 1, 'the mark could not be set');
    written.mock.restore();
    await site.run(planOf([{ name: 'another' }]), echo);
    await site.fileAll();
    assert.deepEqual(site.filed, { resolved: 4, declared: 2 });
  });

  test('a long chain that nobody knows costs few questions', async () => {
    await using pair = await Pair.open();
    const long = planOf(Array.from({ length: 600 }, (_, i): Sketch => ({ name: `t${i}`, ...(i === 0 ? {} : { awaits: [`t${i - 1}`] }) })));
    const result = await pair.b.run(long, gives(1));
    assert.equal(result.started.length, 600);
    const declared = pair.b.asked.filter(({ keys }) => keys > 1);
    assert.equal(declared.length, 3);
    assert.equal(
      pair.b.asked.reduce((sum, { keys }) => sum + keys, 0),
      1_199,
      'each key once, and of the first of all only the resolved one',
    );
  });
});
