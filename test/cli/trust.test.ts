import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Agent } from '../../src/agent/agent.ts';
import { generateSeed, keyOf } from '../../src/ipld/identity.ts';
import type { TrustList } from '../../src/protocol/trust.ts';
import { type Failure, Place } from './helpers.ts';

/** Whose results are believed, as it is said by the command: on the home itself, and at its agent. */

const { did } = keyOf(generateSeed());

let place: Place;
before(() => void (place = new Place()));
after(() => place[Symbol.dispose]());

async function list(...options: string[]): Promise<TrustList> {
  return await place.json<TrustList>('trust', 'ls', ...options);
}

test('what was said of an agent is listed with why and when, until something else is said', async () => {
  assert.deepEqual(await list(), { agents: [], refusals: [] });
  assert.equal(await place.out('trust', 'add', did, '--name', 'lab 3'), `${did} is trusted\n`);
  const [added] = (await list()).agents;
  assert.deepEqual([added?.did, added?.verdict, added?.name, added?.why], [did, 'trusted', 'lab 3', 'added by hand']);
  assert.deepEqual(await place.json('trust', 'rm', did), { did, verdict: 'distrusted' });
  const [removed] = (await list()).agents;
  assert.deepEqual([removed?.verdict, removed?.name, removed?.why], ['distrusted', 'lab 3', 'removed by hand']);
  assert.match(await place.out('trust', 'ls'), /lab 3 +distrusted +\d{4}-\d\d-\d\dT\S+ +removed by hand/);
});

test('the same at an agent', async () => {
  await using agent = await Agent.start({ home: place.home, port: 0 });
  const at = ['--agent', agent.url];
  await place.out('trust', 'add', did, ...at);
  assert.equal((await list(...at)).agents[0]?.verdict, 'trusted');
  await place.out('trust', 'rm', did, ...at);
  assert.equal((await list(...at)).agents[0]?.verdict, 'distrusted');
});

test('the beginning of a DID will do where only one agent begins so', async () => {
  await place.out('trust', 'add', did);
  const key = did.slice('did:key:'.length);
  for (const beginning of [key.slice(0, 12), did.slice(0, 30)])
    assert.deepEqual(await place.json('trust', 'rm', beginning), { did, verdict: 'distrusted' });
  const rows: readonly (readonly [word: string, said: RegExp])[] = [
    [key.slice(0, 11), /nor the first 12 letters/],
    [keyOf(generateSeed()).did.slice(0, 24), /no agent that is listed here begins so, and there is no agent that could be asked/],
    [`${key.slice(0, 12)}%`, /is no did:key/],
    [`${did}x`, /is no whole DID/],
  ];
  for (const [word, said] of rows) {
    const { status, stderr } = await place.docket(['trust', 'add', word]);
    assert.deepEqual([status, said.test(stderr)], [2, true], stderr);
  }
  // Its own, which only the agent tells.
  await using agent = await Agent.start({ home: place.home, port: 0 });
  const own = (await place.json<{ did: string }>('identity')).did;
  const { stderr } = await place.docket(['trust', 'rm', own.slice('did:key:'.length, 22)]);
  assert.match(stderr, new RegExp(`${own} is this agent itself`));
  assert.ok(agent.url);
});

test('what it cannot mean is refused', async () => {
  const own = (await place.json<{ did: string }>('identity')).did;
  const rows: readonly (readonly [words: readonly string[], code: string])[] = [
    [['add', 'did:web:example.org'], 'DID_INVALID'],
    [['add', `${did}x`], 'DID_INVALID'],
    [['add', own], 'DID_INVALID'],
    [['rm', own], 'DID_INVALID'],
    [['add'], 'USAGE'],
    [['ls', did], 'USAGE'],
    [['trust', did], 'USAGE'],
    [['rm', did, '--name', 'x'], 'USAGE'],
    [['add', did, '--name', ''], 'USAGE'],
  ];
  for (const [words, code] of rows) {
    const { status, stdout } = await place.docket(['trust', ...words, '--json']);
    assert.deepEqual([(JSON.parse(stdout) as Failure).error.code, status], [code, 2], words.join(' '));
  }
});
