import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ANN, BEN, join, linked } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

suite('who begins a mesh', { skip: noNatsServer, timeout: 60_000 }, () => {
  test('is told that it is, and of the meshes that are there; nobody else is', async () => {
    await using server = await NatsServer.start();
    const made: (readonly [who: string, others: readonly string[]])[] = [];
    const at = (who: string, self: string, name: string) =>
      join(server.url, self, { name, onMade: (others) => void made.push([who, others]) });
    await using ann = await at('ann', ANN, 'lab');
    await using _ben = await at('ben', BEN, 'lab');
    await using _typo = await at('typo', BEN, 'lba');
    assert.deepEqual(made, [
      ['ann', []],
      ['typo', ['lab']],
    ]);
    // What is lost and made again is a fault, and no new mesh.
    await server.stop();
    await linked(ann.mesh, 'down');
    await server.start();
    await linked(ann.mesh, 'up');
    await ann.mesh.records.list('');
    assert.equal(made.length, 2);
  });

  test('is told without the others where it may not ask for them', async () => {
    const rights = 'publish: { deny: ["$JS.API.STREAM.NAMES"] }';
    const config = `authorization { users: [ { user: "free", password: "x" }, { user: "bound", password: "x", permissions: { ${rights} } } ] }`;
    await using server = await NatsServer.start({ config });
    const as = (user: string) => server.url.replace('://', `://${user}:x@`);
    const made: (readonly string[])[] = [];
    await using _free = await join(as('free'), ANN);
    await using bound = await join(as('bound'), BEN, { name: 'lba', onMade: (others) => void made.push(others) });
    assert.deepEqual([made, bound.faults], [[[]], []]);
  });
});
