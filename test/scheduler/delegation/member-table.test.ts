import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemberTable } from '../../../src/scheduler/delegation/member-table.ts';
import type { TaskKind } from '../../../src/scheduler/task-kind.ts';
import { beatOf, viewOf, wantedOf } from './sim.ts';

const kindOf = (i: number): TaskKind => ({ ...wantedOf(0).kind, name: `kind ${i}` });

function tableOf(members: number): MemberTable {
  const table = new MemberTable();
  for (let i = 0; i < members; i++) table.hear(beatOf(viewOf(`m${i}`), 1));
  return table;
}

/** When tasks of the kind may go there again. */
function heals(table: MemberTable, did: string, kind: TaskKind, from: number): number {
  for (let now = from; ; now += 1_000) {
    table.tick(now);
    if (table.left(table.seat(did)!, kind)! > 0) return now - from;
    assert.ok(now < from + 3_600_000, 'it never heals');
  }
}

describe('what a member refuses', () => {
  it('is remembered however many other kinds there are, and for longer each time until it does one', () => {
    const table = tableOf(1);
    const kind = kindOf(0);
    const times: number[] = [];
    for (let i = 0, now = 0; i < 5; i++, now += 10_000_000) {
      if (i === 4) table.praise('m0', kind);
      table.refuse(table.seat('m0')!, kind, 'it refuses', now);
      for (let other = 1; other < 2_000; other++) assert.ok(table.best(kindOf(other)));
      assert.equal(table.left(table.seat('m0')!, kind), undefined);
      assert.match(table.obstacle(kind)!, /it refuses \(1 of 1 members\)/);
      times.push(heals(table, 'm0', kind, now));
    }
    assert.deepEqual(times, [2_000, 4_000, 8_000, 16_000, 2_000]);
  });

  it('is remembered of however many members', () => {
    const table = tableOf(3_000);
    const kind = kindOf(0);
    for (const seat of table.seats()) table.refuse(seat, kind, 'it refuses', 0);
    assert.equal(table.best(kind), undefined);
    assert.match(table.obstacle(kind)!, /it refuses \(3000 of 3000 members\)/);
  });

  it('if it is of ever more kinds, leaves it alone altogether for a while', () => {
    const table = tableOf(1);
    const seat = table.seat('m0')!;
    for (let i = 0; i < 257; i++) table.refuse(seat, kindOf(i), 'it refuses', 0);
    assert.equal(table.left(seat, kindOf(999)), 0);
    assert.equal(heals(table, 'm0', kindOf(999), 0), 1_000);
    table.tick(3_000);
    table.refuse(seat, kindOf(256), 'it refuses', 3_000);
    assert.ok(table.left(seat, kindOf(999))! > 0, 'there is room for what is refused now');
  });

  it('goes with the member', () => {
    const table = tableOf(1);
    table.refuse(table.seat('m0')!, kindOf(0), 'it refuses', 0);
    table.gone('m0');
    assert.equal(table.isHealing, false);
    table.hear(beatOf(viewOf('m0', { incarnation: '2' }), 1));
    assert.ok(table.best(kindOf(0))!.left > 0);
  });
});

describe('what a member does not give', () => {
  const plain = kindOf(0);
  const random: TaskKind = { ...kindOf(1), grants: ['clock', 'random'] };

  it('keeps tasks that ask for it from being offered there at all', () => {
    const table = new MemberTable();
    table.hear(beatOf(viewOf('m0', { grants: ['clock'] }), 1));
    assert.equal(table.best(random), undefined);
    assert.ok(table.best(plain)!.left > 0);
    assert.match(table.obstacle(random)!, /it does not give random to tasks \(--allow random there\) \(1 of 1 members\)/);
    assert.equal(table.isHealing, false, 'no time heals that');
    table.hear(beatOf(viewOf('m1', { grants: ['clock', 'random'] }), 1));
    assert.equal(table.best(random)!.item.did, 'm1');
  });

  it('is not known of one that does not say', () => {
    const table = tableOf(1);
    assert.ok(table.best(random)!.left > 0);
  });
});
