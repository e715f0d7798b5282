import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BelievedMembers } from '../../../src/agent/mesh/believed-members.ts';
import { Delegation } from '../../../src/scheduler/delegation/delegation.ts';
import { HandClock } from '../../hand-clock.ts';
import { beatOf, Roster, viewOf } from '../../scheduler/delegation/sim.ts';

const [ANN, BEN] = ['did:key:z6MkAnn', 'did:key:z6MkBen'];

test('work is given to members as long as they are believed', () => {
  const clock = new HandClock();
  const roster = new Roster();
  const believed = new Set([ANN]);
  const trust = {
    accepts: (did: string) =>
      believed.has(did) ? { kind: 'yes' as const } : { kind: 'no' as const, reason: 'untrusted' as const, why: 'not listed' },
  };
  const members = {
    others: () => [...roster.others()] as never[],
    get: (did: string) => roster.get(did) as never,
    onChange: roster.onChange.bind(roster),
  };
  roster.hear(beatOf(viewOf(ANN, { slots: 1 }), 1));
  using view = new BelievedMembers({ members: members as never, trust, clock });
  const told: string[] = [];
  view.onChange((change) => told.push(`${change.kind} ${change.kind === 'gone' ? change.did : change.member.beat.view.did}`));
  using delegation = new Delegation({
    members: view,
    clock,
    mail: { send: () => true, keep: () => Promise.reject(new Error('not here')) },
  });
  const seated = (): string[] => [...delegation.seats()].map(({ did }) => did);
  roster.hear(beatOf(viewOf(BEN, { slots: 1 }), 1));
  assert.deepEqual([seated(), told, view.get(BEN)], [[ANN], [], undefined]);

  believed.add(BEN);
  clock.advance(500);
  assert.deepEqual([seated(), told], [[ANN, BEN], [`joined ${BEN}`]]);
  believed.delete(ANN);
  clock.advance(500);
  assert.deepEqual([seated(), told.at(-1)], [[BEN], `gone ${ANN}`]);
  roster.hear(beatOf(viewOf(ANN, { slots: 2 }), 2));
  roster.lose(BEN);
  roster.lose(ANN);
  assert.deepEqual([seated(), told.slice(2)], [[], [`gone ${BEN}`]], 'nothing is told twice');
});
