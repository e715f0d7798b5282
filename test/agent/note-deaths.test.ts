import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/agent/engine.ts';
import { deathOf } from '../../src/agent/tries.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { Flight } from '../../src/ledger/flight.ts';
import { Place } from './helpers.ts';

/** Which runs had something with a runner when their coordinators were killed, as whoever opens the home next notes it. */

const WORKFLOW = Cid.ofBlob(Buffer.from('a workflow'));

interface Left {
  readonly options: object;
  /** Attempts of its first task that were begun. */
  readonly begun: number;
}

/** Runs of coordinators that were killed. */
async function leave(place: Place, runs: Readonly<Record<string, Left>>): Promise<void> {
  await using engine = await Engine.open({ home: place.paths.home });
  for (const [run, { options, begun }] of Object.entries(runs)) {
    await engine.ledger.commit([{ kind: 'run', run, name: run, workflow: WORKFLOW, plan: null, options, tasks: 1, created: 1 }]);
    if (begun === 0) continue;
    const flight = new Flight(engine.paths.flight(run));
    for (let attempt = 1; attempt <= begun; attempt++) flight.started([{ index: 0, attempt }]);
    flight.close();
  }
}

async function noted(place: Place, runs: Readonly<Record<string, Left>>) {
  await using engine = await Engine.open({ home: place.paths.home });
  return Object.fromEntries(
    Object.keys(runs).map((run) => {
      const row = engine.ledger.run(run)!;
      return [run, [row.state, deathOf(row)]];
    }),
  );
}

const ofAgent = { agent: true };

test('each run of an agent is noted with what it had with runners, and how many others had something; jobs and commands count', async () => {
  using place = new Place();
  const runs = {
    A: { options: ofAgent, begun: 2 },
    B: { options: ofAgent, begun: 0 },
    C: { options: { job: true }, begun: 1 },
    D: { options: {}, begun: 1 },
  };
  await leave(place, runs);
  const expected = {
    A: ['interrupted', { inFlight: 2, others: 2 }],
    B: ['interrupted', { inFlight: 0, others: 3 }],
    C: ['interrupted', undefined],
    D: ['interrupted', undefined],
  };
  assert.deepEqual(await noted(place, runs), expected);
  // The journals are there still, as these runs have no plan: another look changes nothing.
  assert.deepEqual(await noted(place, runs), expected);
});

test('one that was driven by another process all the time is company as well', async () => {
  using place = new Place();
  const runs = { A: { options: ofAgent, begun: 1 }, B: { options: {}, begun: 1 } };
  await using engine = await Engine.open({ home: place.paths.home });
  using _owned = engine.runLocks.tryOwn('B');
  await leave(place, runs);
  assert.deepEqual(await noted(place, runs), { A: ['interrupted', { inFlight: 1, others: 1 }], B: ['running', undefined] });
});
