import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../../../scripts/build-guests.ts';
import { DocketError, type ErrorCode } from '../../../../src/errors.ts';
import type { EventView } from '../../../../src/protocol/records.ts';
import { Lab, LOOP, type Member } from './member.ts';

/** A run that others could not go on with says so, at its coordinator and elsewhere. */

before(() => buildGuests());

/** Members of which the first finds no room, or whatever else, for what a run needs. */
async function troubled(lab: Lab): Promise<{ readonly a: Member; readonly b: Member; fails: ErrorCode | undefined; tries: number }> {
  const state = { fails: 'MESH_FULL' as ErrorCode | undefined, tries: 0 };
  const a = await lab.member('a', {
    vault: (vault) => ({
      ...vault,
      put: async (cid, signal) => {
        state.tries++;
        if (state.fails !== undefined) throw new DocketError(state.fails, 'the objects say no');
        return await vault.put(cid, signal);
      },
    }),
  });
  return Object.assign(state, { a, b: await lab.member('b') });
}

const tellsSecuring = ({ kind }: EventView): boolean => kind === 'unsecured' || kind === 'secured';

test('a run that cannot be secured tells why, once for each kind of trouble, and when it is', async () => {
  await using lab = new Lab();
  const mesh = await troubled(lab);
  const { a, b } = mesh;
  const run = await a.submit(LOOP);
  const readers = [a.follow(run), b.follow(run)];
  await lab.until(() => mesh.tries > 4, 'it is tried again and again', 50);
  const full = { code: 'MESH_FULL', message: 'the objects say no' };
  for (const { runs } of [a, b]) assert.deepEqual((await lab.after(runs.find(run))).unsecured, full);
  mesh.fails = 'MESH_REFUSED';
  const earlier = mesh.tries;
  await lab.until(() => mesh.tries > earlier + 4, 'it is tried again and again', 50);
  assert.equal((await lab.after(b.runs.find(run))).unsecured?.code, 'MESH_REFUSED');
  mesh.fails = undefined;
  await lab.until(() => readers.every(({ events }) => events.some(({ kind }) => kind === 'secured')), 'it is secured', 50);
  for (const { events } of readers)
    assert.deepEqual(
      events.filter(tellsSecuring).map(({ kind, data }) => [kind, (JSON.parse(data) as { code?: string }).code]),
      [
        ['unsecured', 'MESH_FULL'],
        ['unsecured', 'MESH_REFUSED'],
        ['secured', undefined],
      ],
    );
  assert.deepEqual(
    a.told.filter(({ kind }) => kind === 'unsecured' || kind === 'secured'),
    [
      { kind: 'unsecured', run, ...full },
      { kind: 'unsecured', run, code: 'MESH_REFUSED', message: 'the objects say no' },
      { kind: 'secured', run },
    ],
  );
  await lab.until(async () => (await b.record(run))!.isSecured);
  for (const { runs } of [a, b]) assert.equal((await lab.after(runs.find(run))).unsecured, undefined);
});

test('of a run whose coordinator does not say why it is not secured others tell that it is not', async () => {
  await using lab = new Lab();
  const { a, b } = await troubled(lab);
  b.isDraining = true;
  const run = await a.submit(LOOP);
  await lab.until(async () => (await b.record(run)) !== undefined);
  await a.kill();
  assert.deepEqual((await lab.after(b.runs.find(run))).unsecured, {});
});

test('a run that is secured at once, or while the engine is away, has nothing to tell of it', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  lab.delivery.cut('did:key:a');
  const run = await a.submit(LOOP);
  const { events } = a.follow(run);
  await lab.until(() => events.some(({ kind }) => kind === 'started'));
  assert.equal((await lab.after(a.runs.find(run))).unsecured?.code, 'MESH_UNREACHABLE');
  lab.delivery.mend('did:key:a');
  await lab.until(async () => (await a.record(run))?.isSecured === true);
  assert.deepEqual([events.filter(tellsSecuring), a.told], [[], []]);
});
