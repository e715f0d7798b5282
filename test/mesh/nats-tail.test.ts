import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { Again } from '../../src/mesh/nats/again.ts';
import { callApi } from '../../src/mesh/nats/api.ts';
import type { Engine } from '../../src/mesh/nats/engine.ts';
import { onceOnly, publishOne } from '../../src/mesh/nats/publish.ts';
import type { Ask, Session } from '../../src/mesh/nats/session.ts';
import { Tail, type TailItem } from '../../src/mesh/nats/tail.ts';
import { bytes, engineAt, until } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

test('a consumer that is silent while the stream has more is left for another', { skip: noNatsServer }, async () => {
  await using server = await NatsServer.start();
  await using at = await engineAt(server.url);
  const { engine } = at;
  await engine.run(async ({ session, states: { journals } }) => {
    const filter = engine.subjects.journal('run.1');
    const { signal } = new AbortController();
    // Its consumer finds nothing there, as one does whose copy of the stream is behind.
    using behind = await Tail.open(deafTo(filter, session), systemClock, journals, { filter, from: 1 }, signal);
    using whole = await Tail.open(session, systemClock, journals, { filter, from: 1 }, signal);
    await publishOne(session, journals.name, onceOnly(filter, bytes('there')));
    assert.equal(seqOf(await whole.next()), 1);
    const [failed, still] = [behind.next(), whole.next()];
    await assert.rejects(failed, (error) => error instanceof Again && /a copy of it is behind/.test(error.message));
    await publishOne(session, journals.name, onceOnly(filter, bytes('more')));
    assert.equal(seqOf(await still), 2, 'one that has all goes on');
  });
});

/** Has so many records that the server sends no more of them before it is told that some were taken. */
async function many(engine: Engine): Promise<void> {
  const data = new Uint8Array(60_000);
  const put = async (key: string): Promise<unknown> =>
    await engine.run(
      async ({ session, states: { records } }) => await publishOne(session, records.name, onceOnly(engine.subjects.record(key), data)),
    );
  for (let index = 0; index < MANY; index++) await put(`run.${index}`);
  await put('other.1');
}

const MANY = 200;

test('what there is comes to an end, also if the newest of it is removed meanwhile', { skip: noNatsServer }, async () => {
  await using server = await NatsServer.start();
  await using at = await engineAt(server.url);
  const { engine } = at;
  await many(engine);
  await engine.run(async ({ session, states: { records } }) => {
    const filter = engine.subjects.recordsUnder('run');
    using tail = await Tail.open(session, systemClock, records, { filter, from: 'newest-of-each' }, new AbortController().signal);
    for (let index = MANY - 10; index < MANY; index++)
      await callApi(session, `STREAM.PURGE.${records.name}`, { filter: engine.subjects.record(`run.${index}`) });
    assert.equal((await Array.fromAsync(tail.all())).length, MANY - 10);
  });
});

test('a slow reader whose session is lost reads what came, and is told to begin anew', { skip: noNatsServer }, async () => {
  await using server = await NatsServer.start();
  await using at = await engineAt(server.url);
  const { engine } = at;
  await many(engine);
  await engine.run(async ({ session, states: { records } }) => {
    const filter = engine.subjects.recordsUnder('run');
    using tail = await Tail.open(session, systemClock, records, { filter, from: 'newest-of-each' }, new AbortController().signal);
    await tail.next();
    // That the server waits for an answer has come, since what it sent before has.
    await session.confirm();
    await server.stop();
    await until(() => session.lost.aborted);
    let read = 1;
    await assert.rejects(async () => {
      for await (const _ of tail.all()) read++;
    }, Again);
    assert.ok(read > 1 && read < MANY);
  });
});

/** Consumers that are made through it are of another subject. */
function deafTo(subject: string, session: Session): Session {
  const call: Session['call'] = async (asks, patience, signal) => await session.call(asks.map(elsewhere), patience, signal);
  const elsewhere = (ask: Ask): Ask =>
    ask.subject.includes('CONSUMER.CREATE')
      ? { ...ask, data: bytes(new TextDecoder().decode(ask.data).replace(subject, `${subject}.elsewhere`)) }
      : ask;
  return new Proxy(session, {
    get(target, name) {
      if (name === 'call') return call;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function seqOf(item: TailItem | undefined): number | undefined {
  return item === undefined || item === 'all' ? undefined : item.seq;
}
