import { hostname } from 'node:os';
import { ulid } from 'ulid';
import type { Beat, MemberView } from '../../protocol/mesh/member.ts';
import type { MemberService } from '../../protocol/members.ts';
import type { Drained } from '../drained.ts';
import type { Engine } from '../engine.ts';
import { VERSION } from '../version.ts';
import { freeSlots, machineLoad } from './machine.ts';
import { memberServiceOf } from './member-service.ts';

/** What an agent offers, whether it is in a mesh or not. */
export type OwnView = Omit<MemberView, 'isDraining' | 'door'>;

export function ownView(engine: Engine, more: Pick<MemberView, 'memory' | 'ops' | 'grants' | 'tags' | 'roles'>): OwnView {
  const { key, clock, random, slotCount } = engine;
  const started = clock.now();
  const incarnation = ulid(started, () => random.next() / 256);
  return { did: key.did, incarnation, version: VERSION, host: hostname(), started, slots: slotCount, ...more };
}

/** An agent in no mesh, as its only member. */
export function lonely(engine: Engine, view: OwnView, drained: Drained): MemberService {
  const self = (): Beat => ({
    view: { ...view, isDraining: drained.is, door: null },
    seq: 0,
    free: freeSlots(engine),
    room: 0,
    waiting: 0,
    load: machineLoad(),
    isLeaving: false,
  });
  return memberServiceOf({ clock: engine.clock, drained, self, joined: undefined });
}
