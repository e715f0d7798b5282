import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { WaitingQueue } from '../../../src/agent/mesh/host-queue.ts';
import { DriveTable } from '../../../src/agent/mesh/host-table.ts';
import { endsMessages, statesMessages } from '../../../src/agent/mesh/host-tell.ts';
import type { AttemptName, EndedTask } from '../../../src/protocol/mesh/work.ts';
import { decodeWork } from '../../../src/protocol/mesh/work-codec.ts';

suite('what waits', () => {
  test('leaves by priority, then in the order it came, whatever was taken out in between', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), priority: fc.nat({ max: 5 }) }),
      fc.record({ kind: fc.constant('pop' as const) }),
      fc.record({ kind: fc.constant('delete' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new WaitingQueue<{ readonly priority: number; readonly turn: number }>();
        const model: { readonly priority: number; readonly turn: number }[] = [];
        steps.forEach((each, turn) => {
          if (each.kind === 'push') {
            const item = { priority: each.priority, turn };
            queue.push(item);
            model.push(item);
            model.sort((a, b) => b.priority - a.priority || a.turn - b.turn);
          } else if (each.kind === 'pop') assert.equal(queue.pop(), model.shift());
          else if (model.length > 0) assert.equal(queue.delete(model.splice(each.which % model.length, 1)[0]!), true);
          assert.equal(queue.size, model.length);
          assert.equal(queue.peek(), model[0]);
        });
        assert.equal(queue.delete({ priority: 1, turn: -1 }), false);
      }),
      { numRuns: 300 },
    );
  });
});

suite('the table of drives', () => {
  const name: fc.Arbitrary<AttemptName> = fc.record({ task: fc.nat({ max: 2 }), attempt: fc.integer({ min: 1, max: 2 }) });
  const message = fc.record({
    kind: fc.constantFrom('offer' as const, 'drop' as const, 'forget' as const),
    run: fc.constantFrom('a', 'b', 'c'),
    epoch: fc.nat({ max: 4 }),
    from: fc.constantFrom('x', 'y'),
    name,
  });

  test('has one coordinator for a run, and never goes back to an earlier epoch', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 100 }), (messages) => {
        const table = new DriveTable<AttemptName>({ drives: 2 });
        const highest = new Map<string, { epoch: number; from: string | undefined }>();
        for (const { kind, run, epoch, from, name: named } of messages) {
          const known = highest.get(run);
          if (kind === 'forget') {
            table.forget(run);
            if (known !== undefined) known.from = undefined;
          } else if (kind === 'drop') {
            const isHeld = table.know(run, named) === 'held';
            const before = table.held;
            table.drop(run, named, { isDone: true });
            assert.equal(table.held, isHeld ? before - 1 : before);
            if (table.find(run) !== undefined) assert.equal(table.know(run, named), 'done');
          } else {
            const met = table.meet({ run, epoch }, from);
            if (typeof met === 'string') {
              if (met === 'older') assert.ok(epoch < known!.epoch);
              else if (met === 'other') assert.ok(epoch === known!.epoch && from !== known!.from);
              else assert.equal([...table.drives].length, 2);
            } else {
              assert.ok(known === undefined || epoch >= known.epoch);
              assert.deepEqual([met.epoch, met.coordinator], [epoch, from]);
              assert.equal(table.of({ run, epoch }, from), met);
              assert.equal(table.of({ run, epoch }, 'z'), undefined);
              assert.equal(table.of({ run, epoch: epoch + 1 }, from), undefined);
              highest.set(run, { epoch, from });
              if (table.know(run, named) === 'new') table.add(run, named);
            }
          }
          assert.equal(
            table.held,
            [...table.drives].reduce((sum, { attempts }) => sum + attempts.size, 0),
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a drive that is taken over keeps what is held', () => {
    const table = new DriveTable<AttemptName>();
    table.meet({ run: 'a', epoch: 1 }, 'x');
    table.add('a', { task: 1, attempt: 1 });
    table.meet({ run: 'a', epoch: 2 }, 'y');
    assert.equal(table.know('a', { task: 1, attempt: 1 }), 'held');
    assert.deepEqual(table.others('a', { task: 1, attempt: 2 }), [{ task: 1, attempt: 1 }]);
  });

  test('a drive that is taken over may use a name again that is over', () => {
    const table = new DriveTable<AttemptName>();
    const same = { task: 1, attempt: 1 };
    table.meet({ run: 'a', epoch: 1 }, 'x');
    table.drop('a', same, { isDone: true });
    table.meet({ run: 'a', epoch: 1 }, 'x');
    assert.equal(table.know('a', same), 'done');
    table.meet({ run: 'a', epoch: 2 }, 'y');
    assert.equal(table.know('a', same), 'new');
  });

  test('what is remembered of drives that are over has a bound', () => {
    const table = new DriveTable<AttemptName>({ epochs: 2, done: 2 });
    for (const run of ['a', 'b', 'c']) {
      table.meet({ run, epoch: 9 }, 'x');
      table.forget(run);
    }
    assert.deepEqual([table.epochOf('a'), table.epochOf('b'), table.epochOf('c')], [0, 9, 9]);
    table.meet({ run: 'd', epoch: 1 }, 'x');
    for (const task of [1, 2, 3]) table.drop('d', { task, attempt: 1 }, { isDone: true });
    assert.deepEqual(
      [1, 2, 3].map((task) => table.know('d', { task, attempt: 1 })),
      ['new', 'done', 'done'],
    );
  });
});

suite('what is told', () => {
  const drive = { run: 'r', epoch: 3 };

  test('fits into messages, none of it is left out, and only one message says that it is all', () => {
    const end = fc.record({
      receipt: fc.uint8Array({ minLength: 10, maxLength: 400 }),
      blobs: fc.array(fc.uint8Array({ maxLength: 1_000 }), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(end, { maxLength: 30 }), fc.integer({ min: 2_000, max: 8_000 }), (ends, largest) => {
        const tasks = ends.map(({ receipt, blobs }, task): EndedTask => {
          const small = Object.fromEntries(blobs.map((bytes, i) => [String(i).repeat(64), bytes]));
          return { task, attempt: 1, isHit: false, receipt: Uint8Array.from(receipt), small, held: [] };
        });
        const messages = endsMessages(drive, tasks, largest);
        for (const message of messages) assert.ok(message.length <= largest, `${message.length} of ${largest}`);
        const told = messages.flatMap((bytes) => {
          const read = decodeWork(bytes);
          assert.ok('message' in read && read.message.kind === 'ends');
          return read.message.tasks;
        });
        assert.deepEqual(
          told.map(({ task, receipt }) => [task, receipt]),
          tasks.map(({ task, receipt }) => [task, receipt]),
        );
        const states = statesMessages(
          drive,
          tasks.map(({ task }) => ({ task, attempt: 1, state: 'refused', message: 'é'.repeat(100) })),
          { isAll: true, largest },
        );
        for (const message of states) assert.ok(message.length <= largest);
        const all = states.map((bytes) => {
          const read = decodeWork(bytes);
          assert.ok('message' in read && read.message.kind === 'states');
          return read.message;
        });
        assert.equal(all.filter(({ isAll }) => isAll).length, states.length === 1 ? 1 : 0);
        assert.equal(
          all.reduce((sum, message) => sum + message.tasks.length, 0),
          tasks.length,
        );
      }),
      { numRuns: 200 },
    );
  });
});
