import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { Again } from '../../src/mesh/nats/again.ts';
import { Connection } from '../../src/mesh/nats/connection.ts';
import { Engine } from '../../src/mesh/nats/engine.ts';
import { onceOnly, publishOne } from '../../src/mesh/nats/publish.ts';
import type { Ask, Session } from '../../src/mesh/nats/session.ts';
import { Subjects } from '../../src/mesh/nats/subjects.ts';
import { Tail } from '../../src/mesh/nats/tail.ts';
import { ANN, bytes, SMALL } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

test('a consumer that is silent while the stream has more is left for another', { skip: noNatsServer }, async () => {
  await using server = await NatsServer.start();
  const subjects = new Subjects('lab');
  const options = { servers: [server.url], name: 'lab', self: ANN, clock: systemClock, limits: SMALL };
  await using connection = await Connection.open(options, subjects.inbox(''));
  const engine = new Engine(connection, subjects, options);
  await engine.run(async ({ session, states: { journals } }) => {
    const filter = subjects.journal('run.1');
    const { signal } = new AbortController();
    // Its consumer finds nothing there, as one does whose copy of the stream is behind.
    using behind = await Tail.open(deafTo(filter, session), systemClock, journals, { filter, from: 1 }, signal);
    using whole = await Tail.open(session, systemClock, journals, { filter, from: 1 }, signal);
    await publishOne(session, journals.name, onceOnly(filter, bytes('there')));
    assert.equal((await whole.next())?.seq, 1);
    const [failed, still] = [behind.next(), whole.next()];
    await assert.rejects(failed, (error) => error instanceof Again && /a copy of it is behind/.test(error.message));
    await publishOne(session, journals.name, onceOnly(filter, bytes('more')));
    assert.equal((await still)?.seq, 2, 'one that has all goes on');
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
