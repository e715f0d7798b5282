import assert from 'node:assert/strict';
import type { Link, Mesh } from '../../../src/mesh/mesh.ts';
import {
  ANN,
  askUntilAnswered,
  BEN,
  bytes,
  CAT,
  type Check,
  gather,
  Heard,
  LATE,
  never,
  SOON,
  take,
  textOf,
  withCode,
} from './under-test.ts';

/** Resolves when the member's link is so. */
async function linked(member: Mesh, tag: Link['tag']): Promise<Link> {
  const { promise, resolve } = Promise.withResolvers<Link>();
  using _listening = member.onLink((link) => {
    if (link.tag === tag) resolve(link);
  });
  return member.link.tag === tag ? member.link : await promise;
}

/** What holds while a member is cut off from the engine. */
export function linksContract(check: Check): void {
  check('who is cut off knows it, and cannot speak for anybody', async (under) => {
    const [ann, ben, cat] = [await under.open(ANN), await under.open(BEN), await under.open(CAT)];
    assert.equal((await linked(ann, 'up')).tag, 'up');
    const [far, near] = [new Heard(), new Heard()];
    ann.messages.onMessage(far.listen);
    ann.presence.onBeat(far.listen);
    cat.messages.onMessage(near.listen);
    cat.presence.onBeat(near.listen);
    for (const member of [ann, ben]) member.messages.onQuestion(async () => bytes('here'));
    await askUntilAnswered(ann, BEN, 'ready?');
    await askUntilAnswered(ben, ANN, 'ready?');
    await ann.records.put('key', bytes('before'), 0);

    await under.cut!(ann);
    const link = await linked(ann, 'down');
    assert.ok(link.tag === 'down' && link.error instanceof Error);
    ann.messages.send(CAT, bytes('unheard'));
    ann.presence.beat(bytes('unheard'));
    await assert.rejects(ann.records.get('key'), withCode('MESH_UNREACHABLE'));
    await assert.rejects(ann.records.put('other', bytes(''), 0), withCode('MESH_UNREACHABLE'));
    await assert.rejects(ann.messages.ask(BEN, bytes('?'), SOON), withCode('MESH_UNREACHABLE'));
    await assert.rejects(gather(ann.messages.askAll(bytes('?'), SOON)), withCode('MESH_UNREACHABLE'));
    await assert.rejects(ben.messages.ask(ANN, bytes('?'), SOON), withCode('MESH_NO_ANSWER'));
    const send = (): void => {
      for (const to of [ANN, CAT]) ben.messages.send(to, bytes('the others'));
      ben.presence.beat(bytes('beat'));
    };
    const before = far.all.length;
    await near.insist(send, `${BEN} the others`, `${BEN} beat`);
    assert.equal(textOf((await ben.records.get('key'))?.value), 'before');
    assert.ok(!near.all.includes(`${ANN} unheard`));
    assert.equal(far.all.length, before);

    await under.heal!(ann);
    await linked(ann, 'up');
    await far.insist(() => ben.messages.send(ANN, bytes('again')), `${BEN} again`);
    await near.insist(() => ann.messages.send(CAT, bytes('again')), `${ANN} again`);
    assert.equal(textOf((await ann.records.get('key'))?.value), 'before');
    assert.equal(await askUntilAnswered(ben, ANN, 'there?'), 'here');
    assert.equal(await askUntilAnswered(ann, BEN, 'there?'), 'here');
    assert.ok(!near.all.includes(`${ANN} unheard`), 'what was sent meanwhile is not sent later');
  });

  check('who waits for an answer when it is cut off is told that this means nothing', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const asked = new Heard();
    ben.messages.onQuestion(async (from, question) => {
      asked.listen(from, question);
      return textOf(question) === 'ready?' ? bytes('yes') : await new Promise<undefined>(() => undefined);
    });
    await askUntilAnswered(ann, BEN, 'ready?');
    const patience = { patience: 10_000 };
    const waiting = [ann.messages.ask(BEN, bytes('one'), patience), gather(ann.messages.askAll(bytes('all'), patience))];
    const ended = waiting.map(async (asking) => await assert.rejects(asking, withCode('MESH_UNREACHABLE')));
    await asked.until((list) => list.includes(`${ANN} one`) && list.includes(`${ANN} all`));
    await under.cut!(ann);
    await Promise.all(ended);
  });

  check('watches and readers go on after a cut, with all that counts', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const stays = (await ben.records.put('k.changed', bytes('1'), 0))!;
    const goes = (await ben.records.put('k.deleted', bytes('1'), 0))!;
    await ben.journals.append('j', ['1', '2'].map(bytes));
    const seen = new Heard();
    const stop = new AbortController();
    const watch = async (): Promise<void> => {
      for await (const change of ann.records.watch('k', stop.signal))
        seen.add(change.kind === 'current' ? 'current' : `${change.kind} ${change.key} ${change.revision}`);
    };
    const read: (string | undefined)[] = [];
    const follow = async (): Promise<void> => {
      for await (const { entry } of ann.journals.read('j', 0, stop.signal)) {
        read.push(textOf(entry));
        seen.add(`entry ${textOf(entry)}`);
      }
    };
    const running = [watch(), follow()];
    await seen.until((all) => all.includes('current') && all.includes('entry 2'));

    await under.cut!(ann);
    const changed = await ben.records.put('k.changed', bytes('2'), stays);
    await ben.records.delete('k.deleted', goes);
    const fresh = await ben.records.put('k.new', bytes('1'), 0);
    await ben.journals.append('j', ['3', '4'].map(bytes));
    await linked(ann, 'down');
    const late = take(1, ann.records.watch('k.none', never));
    const lateEntries = take(2, ann.journals.read('j', 0, never));
    await under.heal!(ann);
    await seen.until((all) => all.includes(`put k.changed ${changed}`) && all.includes(`put k.new ${fresh}`) && all.includes('entry 4'));
    await seen.until((all) => all.some((what) => what.startsWith('deleted k.deleted')));
    assert.deepEqual(
      (await late).map(({ kind }) => kind),
      ['current'],
      'one that began meanwhile too',
    );
    assert.deepEqual(
      (await lateEntries).map(({ entry }) => textOf(entry)),
      ['1', '2'],
    );
    await ben.journals.append('j', [bytes('5')]);
    await seen.until((all) => all.includes('entry 5'));
    stop.abort();
    await Promise.all(running);
    assert.deepEqual(read, ['1', '2', '3', '4', '5']);
    assert.equal(seen.all.filter((what) => what === 'current').length, 1);
  });
}

/** Members that may only read. */
export function rightsContract(check: Check): void {
  check('who may not change anything is told so', async (under) => {
    const [ann, reader] = [await under.open(ANN), await under.openReader!(BEN)];
    const revision = (await ann.records.put('key', bytes('1'), 0))!;
    await ann.journals.append('j', [bytes('1')]);
    const key = new Uint8Array(32);
    const refused: readonly (() => Promise<unknown>)[] = [
      () => reader.records.put('key', bytes('2'), revision),
      () => reader.records.delete('key', revision),
      () => reader.results.file([{ key, issuer: BEN, value: bytes('mine') }]),
      () => reader.journals.append('j', [bytes('2')]),
      () => reader.journals.delete('j'),
    ];
    for (const call of refused) await assert.rejects(call(), withCode('MESH_REFUSED'));
    assert.equal(textOf((await reader.records.get('key'))?.value), '1');
    assert.deepEqual(await ann.results.all(key), []);
    assert.equal(textOf((await take(1, reader.journals.read('j', 0, never)))[0]?.entry), '1');
    ann.messages.onQuestion(async () => bytes('yes'));
    await assert.rejects(reader.messages.ask(CAT, bytes('?'), LATE), withCode('MESH_NO_ANSWER'));
  });
}
