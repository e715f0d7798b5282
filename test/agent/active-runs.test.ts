import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { ActiveRuns } from '../../src/agent/active-runs.ts';
import { ALL_ROLES } from '../../src/agent/agent.ts';
import { allOps } from '../../src/agent/op-policy.ts';
import { peerServiceOf } from '../../src/agent/peers/peer-service.ts';
import { Peers } from '../../src/agent/peers/peers.ts';
import { Places } from '../../src/agent/places.ts';
import type { RunWatch } from '../../src/agent/run-watch.ts';
import type { RunSubmission } from '../../src/protocol/services.ts';
import { Door } from '../api/helpers.ts';

/** Runs that begin while the agent stops, and those that cannot be told of. */

before(() => buildGuests());

const LOOP = 'tasks: { slow: { module: org.example.loop, limits: { time: 10min } } }\n';
const WORDS = 'tasks: { quick: { module: org.example.count-words, stdin: a } }\n';
const SILENT: ReturnType<RunWatch> = { begun() {}, event() {}, driven() {}, ended() {} };

function submission(text: string): RunSubmission {
  const what = { kind: 'workflow', source: text, file: 'workflow.yaml', inputs: {} } as const;
  return { what, options: {}, isTrusted: true, key: undefined, traceparent: undefined };
}

/** On a home of its own, with these modules. */
async function runsOf(watch: RunWatch, ...guests: readonly string[]): Promise<{ readonly door: Door; readonly runs: ActiveRuns }> {
  const door = await Door.open();
  for (const guest of guests) await door.push(guest);
  const { engine } = door.agent;
  const peers = peerServiceOf(engine, new Peers({ addresses: [], did: engine.key.did, clock: engine.clock }), ALL_ROLES);
  return {
    door,
    runs: new ActiveRuns(engine, {
      policy: [],
      ops: allOps(),
      peers,
      watch,
      fetch: { policy: { isPublic: false, hosts: [] }, gateways: [] },
      places: new Places('runs', 10),
    }),
  };
}

test('stopping waits for a run that is not recorded yet, also without an idempotency key', async () => {
  const stopped = Promise.withResolvers<void>();
  const watch: RunWatch = () => {
    // The run has begun a moment later, and is not recorded.
    queueMicrotask(() => stopped.resolve(runs[Symbol.asyncDispose]()));
    return SILENT;
  };
  const { door, runs } = await runsOf(watch, 'loop');
  await using _ = door;
  const submitted = runs.submit(submission(LOOP)).catch(() => undefined);
  await stopped.promise;
  await submitted;
  assert.equal(runs.size, 0);
  for (const { state } of door.agent.engine.ledger.runs({ limit: 10 })) assert.equal(state, 'cancelled');
});

test('none begins once it was stopped', async () => {
  const { door, runs } = await runsOf(() => SILENT, 'loop');
  await using _ = door;
  const submitted = runs.submit(submission(LOOP));
  const refused = assert.rejects(submitted, { code: 'CANCELLED' });
  await runs[Symbol.asyncDispose]();
  await refused;
  assert.deepEqual(door.agent.engine.ledger.runs({ limit: 10 }), []);
});

test('a run whose end cannot be told has ended all the same', async () => {
  const watch: RunWatch = () => ({
    ...SILENT,
    ended() {
      throw new Error('no room');
    },
  });
  const { door, runs } = await runsOf(watch, 'count-words');
  await using _ = door;
  await using own = runs;
  const { run } = await own.submit(submission(WORDS));
  const told = await Array.fromAsync(own.log(run)!.read(0, new AbortController().signal));
  assert.deepEqual(told.at(-1), { seq: told.length, kind: 'broken', data: '{"code":"INTERNAL","message":"Error: no room"}' });
  assert.equal(own.size, 0);
});
