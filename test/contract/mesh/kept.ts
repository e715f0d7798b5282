import assert from 'node:assert/strict';
import {
  ANN,
  BEN,
  bytes,
  CAT,
  type Check,
  gather,
  never,
  NO_KEYS,
  NO_WORDS,
  ODD_KEYS,
  rejectsWith,
  take,
  textOf,
  withCode,
} from './under-test.ts';

const keyOf = (number: number): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, index) => (index < 28 ? 7 : (number >>> (8 * (index - 28))) & 255));

/** Results by key. */
export function resultsContract(check: Check): void {
  check('results are found under their keys by everybody, the newest first of all', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const [key, other] = [keyOf(1), keyOf(2)];
    assert.deepEqual([await ann.results.latest([key]), await ann.results.all(key)], [[undefined], []]);
    const made = await ann.results.made();
    assert.ok(Number.isSafeInteger(made) && made === (await ben.results.made()), 'since when they are kept is the same for all');
    await ann.results.file([{ key, issuer: ANN, value: bytes('by Ann') }]);
    assert.equal(textOf((await ben.results.latest([key]))[0]?.value), 'by Ann');
    await ben.results.file([{ key, issuer: BEN, value: bytes('by Ben') }]);
    const [latest, missing, again] = await ann.results.latest([key, other, key]);
    assert.deepEqual([latest?.issuer, textOf(latest?.value), Buffer.from(latest!.key).equals(key)], [BEN, 'by Ben', true]);
    assert.deepEqual([missing, again?.issuer], [undefined, BEN]);
    await ann.results.file([{ key, issuer: ANN, value: bytes('by Ann, later') }]);
    assert.equal(textOf((await ben.results.latest([key]))[0]?.value), 'by Ann, later');
    const all = (await ben.results.all(key)).map(({ issuer, value }) => `${issuer} ${textOf(value)}`);
    assert.deepEqual(all.toSorted(), [`${ANN} by Ann, later`, `${BEN} by Ben`]);
    await ann.results.file([{ key, issuer: CAT, value: bytes('for another') }]);
    assert.equal((await ben.results.latest([key]))[0]?.issuer, CAT, 'who files need not be the issuer: receivers judge');
  });

  check('many results are filed and asked for at once', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    await ann.results.file(numbers.map((number) => ({ key: keyOf(number), issuer: ANN, value: bytes(`${number}`) })));
    const found = await ben.results.latest([...numbers, 1_000_000].map(keyOf));
    assert.deepEqual(await ben.results.latest([...numbers, 1_000_000].map(keyOf), undefined, true), found, 'and for certain');
    assert.deepEqual(
      found.map((result) => textOf(result?.value)),
      [...numbers.map(String), undefined],
    );
    await ann.results.file([1, 2].map((number) => ({ key: keyOf(5), issuer: ANN, value: bytes(`take ${number}`) })));
    assert.equal(textOf((await ben.results.all(keyOf(5)))[0]?.value), 'take 2', 'the last of one call is the newest');
    await ann.results.file([]);
    assert.deepEqual(await ann.results.latest([]), []);
  });

  check('results have keys of 32 bytes, issuers that are words, and copies of bytes', async (under) => {
    const ann = await under.open(ANN);
    const [key, value] = [keyOf(1), bytes('value')];
    for (const length of [0, 31, 33, 1_000]) {
      const wrong = new Uint8Array(length);
      await assert.rejects(ann.results.file([{ key: wrong, issuer: ANN, value }]), withCode('MESH_NAME_INVALID'));
      await assert.rejects(ann.results.latest([key, wrong]), withCode('MESH_NAME_INVALID'));
      await assert.rejects(ann.results.all(wrong), withCode('MESH_NAME_INVALID'));
    }
    for (const issuer of NO_WORDS) {
      const both = [
        { key, issuer: ANN, value },
        { key, issuer, value },
      ];
      await assert.rejects(ann.results.file(both), withCode('MESH_NAME_INVALID'), issuer);
    }
    const large = new Uint8Array(ann.messages.largest + 1);
    await assert.rejects(
      ann.results.file([
        { key, issuer: ANN, value },
        { key, issuer: BEN, value: large },
      ]),
      withCode('MESH_MESSAGE_TOO_LARGE'),
    );
    assert.deepEqual(await ann.results.all(key), [], 'what is refused is refused whole');

    const filing = ann.results.file([{ key, issuer: ANN, value }]);
    value.fill(0);
    key.fill(0);
    await filing;
    (await ann.results.latest([keyOf(1)]))[0]?.value.fill(0);
    (await ann.results.all(keyOf(1)))[0]?.key.fill(0);
    const [found] = await ann.results.all(keyOf(1));
    assert.deepEqual([textOf(found?.value), Buffer.from(found!.key).equals(keyOf(1))], ['value', true]);
    const reason = new Error('gone');
    await rejectsWith(reason, ann.results.latest([keyOf(1)], AbortSignal.abort(reason)));
    await rejectsWith(reason, ann.results.all(keyOf(1), AbortSignal.abort(reason)));
  });
}

/** Journals of runs. */
export function journalsContract(check: Check): void {
  check('a journal is read in order, from anywhere, and as it grows', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    await ann.journals.append('run.a', ['1', '2', '3'].map(bytes));
    await ann.journals.append('run.b', [bytes('other')]);
    await ann.journals.append('run.a', [bytes('4')]);
    await ann.journals.append('run.a', []);
    const read = await take(4, ben.journals.read('run.a', 0, never));
    assert.deepEqual(
      read.map(({ entry }) => textOf(entry)),
      ['1', '2', '3', '4'],
    );
    assert.ok(read.every(({ seq }, index) => seq > (read[index - 1]?.seq ?? 0)));
    const rest = await take(2, ben.journals.read('run.a', read[1]!.seq, never));
    assert.deepEqual(
      rest.map(({ entry }) => textOf(entry)),
      ['3', '4'],
    );

    const early: (string | undefined)[] = [];
    for await (const { entry } of ben.journals.read('run.a', read[3]!.seq - 1, never)) {
      early.push(textOf(entry));
      if (early.length === 1) void ann.journals.append('run.a', ['5', '6'].map(bytes));
      if (early.length === 3) break;
    }
    assert.deepEqual(early, ['4', '5', '6']);
    const waiting = take(1, ben.journals.read('run.later', 0, never));
    await ann.journals.append('run.later', [bytes('first')]);
    assert.equal(textOf((await waiting)[0]?.entry), 'first');
  });

  check('entries of many writers come each once, those of one in order', async (under) => {
    const [ann, ben, cat] = [await under.open(ANN), await under.open(BEN), await under.open(CAT)];
    const write = async (member: typeof ann, batches: number): Promise<void> => {
      for (let batch = 0; batch < batches; batch++) {
        await member.journals.append(
          'j',
          Array.from({ length: 50 }, (_, index) => bytes(`${member.self} ${batch * 50 + index}`)),
        );
      }
    };
    const live = take(1_000, cat.journals.read('j', 0, never));
    await Promise.all([write(ann, 10), write(ben, 10)]);
    const later = await take(1_000, ann.journals.read('j', 0, never));
    const texts = later.map(({ entry }) => textOf(entry));
    assert.deepEqual(
      (await live).map(({ seq, entry }) => [seq, textOf(entry)]),
      later.map(({ seq, entry }) => [seq, textOf(entry)]),
    );
    for (const { self } of [ann, ben]) {
      assert.deepEqual(
        texts.filter((text) => text?.startsWith(self)),
        Array.from({ length: 500 }, (_, index) => `${self} ${index}`),
      );
    }
  });

  check('a deleted journal is empty, and its numbers grow on', async (under) => {
    const ann = await under.open(ANN);
    await ann.journals.append('j', [bytes('old')]);
    await ann.journals.append('other', [bytes('stays')]);
    const [old] = await take(1, ann.journals.read('j', 0, never));
    const waiting = take(1, ann.journals.read('j', old!.seq, never));
    await ann.journals.delete('j');
    await ann.journals.delete('never.there');
    await ann.journals.append('j', [bytes('new')]);
    const [fresh] = await take(1, ann.journals.read('j', 0, never));
    assert.deepEqual([textOf(fresh?.entry), fresh!.seq > old!.seq], ['new', true]);
    assert.equal(textOf((await waiting)[0]?.entry), 'new');
    assert.equal(textOf((await take(1, ann.journals.read('other', 0, never)))[0]?.entry), 'stays');
  });

  check('names of journals are keys, and entries any bytes', async (under) => {
    const ann = await under.open(ANN);
    for (const name of NO_KEYS) {
      await assert.rejects(ann.journals.append(name, [bytes('x')]), withCode('MESH_NAME_INVALID'), name);
      await assert.rejects(take(1, ann.journals.read(name, 0, never)), withCode('MESH_NAME_INVALID'), name);
      await assert.rejects(ann.journals.delete(name), withCode('MESH_NAME_INVALID'), name);
    }
    for (const name of ODD_KEYS) await ann.journals.append(name, [bytes(name)]);
    for (const name of ODD_KEYS) assert.equal(textOf((await take(1, ann.journals.read(name, 0, never)))[0]?.entry), name);
    const large = new Uint8Array(ann.messages.largest + 1);
    await assert.rejects(ann.journals.append('j', [bytes('x'), large]), withCode('MESH_MESSAGE_TOO_LARGE'));
    const given = Uint8Array.from({ length: 256 }, (_, index) => index);
    const appending = ann.journals.append('j', [given, new Uint8Array()]);
    given.fill(0);
    await appending;
    (await take(1, ann.journals.read('j', 0, never)))[0]?.entry.fill(0);
    const read = await take(2, ann.journals.read('j', 0, never));
    assert.deepEqual(
      read.map(({ entry }) => entry.length),
      [256, 0],
      'what is refused is refused whole',
    );
    assert.equal(read[0]?.entry[255], 255);
  });

  check('reading ends when aborted, before and while it waits', async (under) => {
    const ann = await under.open(ANN);
    await ann.journals.append('j', [bytes('1')]);
    assert.deepEqual(await gather(ann.journals.read('j', 0, AbortSignal.abort(new Error('gone')))), []);
    const stop = new AbortController();
    for await (const _ of ann.journals.read('j', 0, stop.signal)) setImmediate(() => stop.abort());
  });
}
