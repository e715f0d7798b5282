import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Mesh, RecordChange } from '../../../src/mesh/mesh.ts';
import { ANN, BEN, bytes, CAT, type Check, gather, Heard, never, NO_KEYS, ODD_KEYS, take, textOf, withCode } from './under-test.ts';

const shown = (change: RecordChange): string =>
  change.kind === 'current' ? 'current' : change.kind === 'deleted' ? `${change.key} deleted` : `${change.key} ${textOf(change.value)}`;

/** Records that are changed by compare-and-set, and watched. */
export function recordsContract(check: Check): void {
  check('a record is put, changed and deleted by who knows its revision', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    assert.equal(await ben.records.get('run.a'), undefined);
    const first = await ann.records.put('run.a', bytes('1'), 0);
    assert.ok(first !== undefined && first > 0);
    assert.deepEqual(await read(ben, 'run.a'), ['run.a', '1', first]);
    assert.equal(await ben.records.put('run.a', bytes('2'), 0), undefined, 'there is one');
    assert.equal(await ben.records.put('run.a', bytes('2'), first + 1), undefined, 'of another revision');
    const second = await ben.records.put('run.a', bytes('2'), first);
    assert.ok(second !== undefined && second > first);
    assert.equal(await ann.records.put('run.a', bytes('3'), first), undefined, 'who lost it may not');
    assert.equal(await ann.records.delete('run.a', first), false);
    assert.equal(await ann.records.delete('run.b', 0), false, 'nothing stands there');
    assert.deepEqual(await read(ann, 'run.a'), ['run.a', '2', second]);
    assert.equal(await ben.records.delete('run.a', second), true);
    assert.equal(await ben.records.delete('run.a', second), false);
    assert.deepEqual([await ann.records.get('run.a'), await ann.records.list('')], [undefined, []]);
    assert.equal(await ann.records.put('run.a', bytes('4'), second), undefined, 'what was deleted has no revision');
    const third = await ann.records.put('run.a', bytes('4'), 0);
    assert.ok(third !== undefined && third > second, 'revisions grow over a deletion');
    assert.deepEqual(await read(ben, 'run.a'), ['run.a', '4', third]);
  });

  check('whatever is done, records are what a map would be', async (under) => {
    const members = [await under.open(ANN), await under.open(BEN)];
    const key = fc.constantFrom('a', 'b', 'b.c');
    const step = fc.record({
      key,
      verb: fc.constantFrom('put', 'put', 'delete', 'get'),
      stale: fc.boolean(),
      by: fc.nat(1),
      value: fc.uint8Array(),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        round++;
        const model = new Map<string, { value: Uint8Array; revision: number }>();
        const newest = new Map<string, number>();
        for (const { key: word, verb, stale, by, value } of steps) {
          const { records } = members[by]!;
          const at = `${round}.${word}`;
          const old = model.get(at);
          const expected = (old?.revision ?? 0) + (stale ? 1 : 0);
          if (verb === 'put') {
            const revision = await records.put(at, value, expected);
            assert.equal(revision === undefined, stale);
            if (revision === undefined) continue;
            assert.ok(revision > (newest.get(at) ?? 0));
            newest.set(at, revision);
            model.set(at, { value, revision });
          } else if (verb === 'delete') {
            assert.equal(await records.delete(at, expected), old !== undefined && !stale);
            if (!stale) model.delete(at);
          }
          const found = await records.get(at);
          const known = model.get(at);
          assert.deepEqual(found && [Buffer.from(found.value), found.revision], known && [Buffer.from(known.value), known.revision]);
        }
      }),
      { numRuns: 30 },
    );
  });

  check('of many that change the same, none overwrites another', async (under) => {
    const members = [await under.open(ANN), await under.open(BEN), await under.open(CAT)];
    const count = async ({ records }: Mesh, rounds: number): Promise<void> => {
      for (let done = 0; done < rounds;) {
        const old = await records.get('counter');
        const value = Number(textOf(old?.value) ?? '0') + 1;
        if ((await records.put('counter', bytes(`${value}`), old?.revision ?? 0)) !== undefined) done++;
      }
    };
    await Promise.all(members.map(async (member) => await count(member, 15)));
    assert.equal(textOf((await members[0]!.records.get('counter'))?.value), '45');
    const race = await Promise.all(members.map(({ records }) => records.put('race', bytes('mine'), 0)));
    assert.equal(race.filter((revision) => revision !== undefined).length, 1);
  });

  check('keys are words joined by dots, and nothing else', async (under) => {
    const ann = await under.open(ANN);
    for (const key of NO_KEYS) {
      await assert.rejects(ann.records.get(key), withCode('MESH_NAME_INVALID'), key);
      await assert.rejects(ann.records.put(key, bytes(''), 0), withCode('MESH_NAME_INVALID'), key);
      await assert.rejects(ann.records.delete(key, 1), withCode('MESH_NAME_INVALID'), key);
      if (key === '') continue;
      await assert.rejects(ann.records.list(key), withCode('MESH_NAME_INVALID'), key);
      await assert.rejects(take(1, ann.records.watch(key, never)), withCode('MESH_NAME_INVALID'), key);
    }
    for (const key of ODD_KEYS) assert.ok((await ann.records.put(key, bytes(key), 0)) !== undefined, key);
    for (const key of ODD_KEYS) assert.equal(textOf((await ann.records.get(key))?.value), key);
    const listed = await ann.records.list('');
    assert.deepEqual(listed.map(({ key }) => key).toSorted(), ODD_KEYS.toSorted());
  });

  check('those under some words are listed', async (under) => {
    const ann = await under.open(ANN);
    for (const key of ['run', 'run.a', 'run.a.b', 'run.b', 'runs.a', 'other']) await ann.records.put(key, bytes(key), 0);
    const keys = async (prefix: string): Promise<string[]> => (await ann.records.list(prefix)).map(({ key }) => key).toSorted();
    assert.deepEqual(await keys('run'), ['run.a', 'run.a.b', 'run.b']);
    assert.deepEqual(await keys('run.a'), ['run.a.b']);
    assert.deepEqual([await keys('nothing'), (await keys('')).length], [[], 6]);
    const [record] = await ann.records.list('run.a');
    assert.deepEqual([record!.key, textOf(record!.value)], ['run.a.b', 'run.a.b']);
    assert.equal(await ann.records.delete('run.a.b', record!.revision), true, 'with their revisions');
  });

  check('values are any bytes, and copies', async (under) => {
    const ann = await under.open(ANN);
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    const given = new Uint8Array(all);
    const putting = ann.records.put('all', given, 0);
    given.fill(0);
    await putting;
    (await ann.records.get('all'))?.value.fill(0);
    (await ann.records.list(''))[0]?.value.fill(0);
    const [change] = await take(1, ann.records.watch('', never));
    assert.ok(change?.kind === 'put');
    change.value.fill(0);
    for await (const later of ann.records.watch('live', never)) {
      if (later.kind === 'current') await ann.records.put('live.all', all, 0);
      if (later.kind !== 'put') continue;
      later.value.fill(0);
      assert.deepEqual(Buffer.from((await ann.records.get('live.all'))!.value), Buffer.from(all));
      break;
    }
    assert.deepEqual(Buffer.from((await ann.records.get('all'))!.value), Buffer.from(all));
    assert.ok(await ann.records.put('empty', new Uint8Array(), 0));
    assert.equal((await ann.records.get('empty'))?.value.length, 0);
    const { largest } = ann.messages;
    await assert.rejects(ann.records.put('large', new Uint8Array(largest + 1), 0), withCode('MESH_MESSAGE_TOO_LARGE'));
    assert.equal(await ann.records.get('large'), undefined);
  });

  check('a watch gives what stands there, then what changes', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const first = await ann.records.put('run.a', bytes('1'), 0);
    await ann.records.put('runs.x', bytes('elsewhere'), 0);
    await ann.records.put('run', bytes('itself'), 0);
    await ann.records.put('run.gone', bytes('gone'), 0);
    await ann.records.delete('run.gone', (await ann.records.get('run.gone'))!.revision);
    const stop = new AbortController();
    const seen: string[] = [];
    const revisions: number[] = [];
    for await (const change of ben.records.watch('run', stop.signal)) {
      seen.push(shown(change));
      if (change.kind !== 'current') revisions.push(change.revision);
      if (change.kind === 'current') {
        const second = await ann.records.put('run.a', bytes('2'), first!);
        await ann.records.delete('run.a', second!);
        await ann.records.put('runs.y', bytes('elsewhere'), 0);
        await ann.records.put('run.b', bytes('3'), 0);
      }
      if (change.kind === 'put' && change.key === 'run.b') stop.abort();
    }
    const wanted = ['run.a 1', 'current', 'run.a deleted', 'run.b 3'];
    assert.deepEqual(
      wanted.filter((what) => !seen.includes(what)),
      [],
    );
    assert.deepEqual(
      seen.filter((what) => ![...wanted, 'run.a 2'].includes(what)),
      [],
    );
    assert.ok(seen.indexOf('run.a 1') < seen.indexOf('current') && seen.indexOf('current') < seen.indexOf('run.a deleted'));
    assert.equal(seen.filter((what) => what === 'current').length, 1);
    assert.ok(seen.indexOf('run.a 2') <= seen.indexOf('run.a deleted'), 'of one key in order');
    const last = (await ben.records.get('run.b'))!.revision;
    assert.ok(revisions.includes(first!) && revisions.includes(last));
  });

  check('what goes is told with a revision above all it had: what is deleted, and what the engine loses', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const stop = new AbortController();
    const seen = new Heard();
    const goneAt = new Map<string, number>();
    const watching = (async () => {
      for await (const change of ben.records.watch('run', stop.signal)) {
        if (change.kind === 'deleted') goneAt.set(change.key, change.revision);
        seen.add(shown(change));
      }
    })();
    await seen.until((all) => all.includes('current'));
    const first = (await ann.records.put('run.a', bytes('1'), 0))!;
    const [b, c] = [(await ann.records.put('run.b', bytes('1'), 0))!, (await ann.records.put('run.c', bytes('1'), 0))!];
    await seen.until((all) => all.includes('run.a 1') && all.includes('run.b 1') && all.includes('run.c 1'));
    const second = (await ann.records.put('run.a', bytes('2'), first))!;
    await ann.records.delete('run.a', second);
    await seen.until((all) => all.includes('run.a deleted'));
    assert.ok(goneAt.get('run.a')! > second);
    await under.loseRecords();
    await seen.until((all) => all.includes('run.b deleted') && all.includes('run.c deleted'));
    assert.ok(goneAt.get('run.b')! > Math.max(b, second) && goneAt.get('run.c')! > Math.max(c, second));
    assert.deepEqual(await ben.records.list(''), []);
    const again = (await ben.records.put('run.b', bytes('2'), 0))!;
    assert.ok(again > goneAt.get('run.b')!, 'and what is put again is newer than that');
    await seen.until((all) => all.includes('run.b 2'));
    stop.abort();
    await watching;
  });

  check('a watch ends when aborted: before, while it waits, and by who breaks off', async (under) => {
    const ann = await under.open(ANN);
    assert.deepEqual(await gather(ann.records.watch('', AbortSignal.abort(new Error('gone')))), []);
    const stop = new AbortController();
    for await (const { kind } of ann.records.watch('', stop.signal)) {
      assert.equal(kind, 'current');
      setImmediate(() => stop.abort());
    }
    for await (const _ of ann.records.watch('', never)) break;
    assert.ok(await ann.records.put('after', bytes(''), 0));
  });

  check('however slowly a watch is read, it comes to how things stand', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const states = new Map<string, number>();
    const revisionOf = new Map<string, number>();
    const put = async (key: string): Promise<void> => {
      const revision = await ann.records.put(key, bytes(key), revisionOf.get(key) ?? 0);
      assert.ok(revision !== undefined);
      revisionOf.set(key, revision);
    };
    const keys = Array.from({ length: 20 }, (_, index) => `k.${index}`);
    for (const key of keys) await put(key);
    for await (const change of ben.records.watch('k', never)) {
      if (change.kind === 'current') for (const round of [1, 2, 3]) for (const key of keys) if (round < 3 || key !== 'k.3') await put(key);
      if (change.kind === 'put') {
        assert.ok(change.revision >= (states.get(change.key) ?? 0), 'never an older one after a newer one');
        states.set(change.key, change.revision);
      }
      if (keys.every((key) => states.get(key) === revisionOf.get(key))) break;
    }
  });
}

async function read({ records }: Mesh, key: string): Promise<unknown[]> {
  const record = await records.get(key);
  return record === undefined ? [] : [record.key, textOf(record.value), record.revision];
}
