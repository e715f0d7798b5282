import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberServiceOf } from '../../../src/agent/mesh/member-service.ts';
import type { Members } from '../../../src/agent/mesh/members.ts';
import { encodeDrained } from '../../../src/protocol/mesh/drain.ts';
import { HandClock } from '../../hand-clock.ts';
import { beatOf, viewOf } from '../../scheduler/delegation/sim.ts';

const never = new AbortController().signal;

/** An agent beside others of the same host, as of `docket dev`: DIDs with their tags. */
function serviceAmong(others: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const beat = (did: string, tags: Readonly<Record<string, string>>) => beatOf(viewOf(did, { host: 'laptop', tags }), 1);
  const heard = Object.entries(others).map(([did, tags]) => ({ beat: beat(did, tags), heard: 0 }));
  const members = { others: () => heard, goneLately: () => [] } as unknown as Members;
  const messages = { ask: async () => encodeDrained({ isDrained: true }) };
  return memberServiceOf({
    clock: new HandClock(),
    drained: undefined as never,
    self: () => beat('did:key:zSelf', { name: 'agent-1' }),
    joined: { mesh: { name: 'lab', messages } as never, members },
  });
}

test('a member is called by its tag name where it alone has it', async () => {
  const service = serviceAmong({ 'did:key:zAnn': { name: 'agent-2' }, 'did:key:zBen': { name: 'twin' }, 'did:key:zCat': { name: 'twin' } });
  assert.deepEqual(await service.drain('agent-2', true, never), { did: 'did:key:zAnn', host: 'laptop', name: 'agent-2', isDrained: true });
  await assert.rejects(service.drain('twin', true, never), { code: 'MEMBER_UNKNOWN', message: /^2 agents are called "twin"/ });
  await assert.rejects(service.drain('laptop', true, never), { code: 'MEMBER_UNKNOWN', message: /^4 agents/ });
  await assert.rejects(service.drain('agent-3', true, never), { code: 'MEMBER_UNKNOWN', message: /did you mean "agent-[12]"/ });
  await assert.rejects(
    service.drain('constructor', true, never),
    { code: 'MEMBER_UNKNOWN', message: /no agent/ },
    'other tags are no names',
  );
});
