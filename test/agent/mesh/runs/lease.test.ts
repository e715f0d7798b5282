import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lease, type Loss, type Said } from '../../../../src/agent/mesh/runs/lease.ts';
import { Retention } from '../../../../src/agent/mesh/runs/retention.ts';
import { RunTable } from '../../../../src/agent/mesh/runs/run-table.ts';
import { DocketError } from '../../../../src/errors.ts';
import * as Cid from '../../../../src/ipld/cid.ts';
import { LocalMesh } from '../../../../src/mesh/local/local-mesh.ts';
import type { Mesh, Records } from '../../../../src/mesh/mesh.ts';
import { journalOf } from '../../../../src/protocol/mesh/run-entry.ts';
import {
  decodeRunRecord,
  encodeRunRecord,
  encodeSubmission,
  keyOfRun,
  keyOfSubmission,
  type RunRecord,
} from '../../../../src/protocol/mesh/run-record.ts';
import { NO_COUNTS } from '../../../../src/workflow/run-state.ts';
import { HandClock } from '../../../hand-clock.ts';

/** The hold on a record: answers that do not come, others who write, and how long records stay. */

const CID = Cid.ofBlob(new Uint8Array([1]));
const SELF = { did: 'did:key:a', incarnation: 'I1' };
const never = new AbortController().signal;

function said(more: Partial<Said> = {}): Said {
  const asked = { slots: null, force: null, failFast: false, awaitTime: null };
  const rest = { deaths: 0, tries: 0, counts: NO_COUNTS, outputs: {}, failure: null, submission: null };
  return { name: 'n', workflow: CID, plan: CID, asked, state: 'running', created: 1, finished: null, isSecured: true, ...rest, ...more };
}

class Bench {
  readonly clock = new HandClock();
  readonly engine = new LocalMesh({ clock: this.clock });
  readonly mesh = this.engine.join(SELF.did);
  readonly lost: Loss[] = [];
  readonly puts: number[] = [];
  readonly troubles: string[] = [];
  vanished = 0;
  /** What becomes of the next writes: `unheard` ones are done and not answered. */
  readonly fates: ('unheard' | 'refused')[] = [];

  lease(taken?: number): Lease {
    const { records } = this.mesh;
    const put: Records['put'] = async (key, value, expected) => {
      this.puts.push(expected);
      const fate = this.fates.shift();
      if (fate === 'refused') throw new DocketError('MESH_FULL', 'it is full');
      const revision = await records.put(key, value, expected);
      if (fate === 'unheard') throw new DocketError('MESH_UNREACHABLE', 'it is gone');
      return revision;
    };
    const mesh: Pick<Mesh, 'records' | 'link' | 'onLink'> = {
      records: { ...records, get: (key) => records.get(key), put },
      link: this.mesh.link,
      onLink: (listener) => this.mesh.onLink(listener),
    };
    const { clock, lost } = this;
    const onLost = (because: Loss): void => void lost.push(because);
    const onVanished = (): void => void this.vanished++;
    const onTrouble = ({ code }: DocketError): void => void this.troubles.push(code);
    return new Lease(
      { run: 'r', self: SELF, mesh, clock, say: () => said(), ready: Promise.resolve(), onLost, onVanished, onTrouble },
      taken,
    );
  }

  async record(): Promise<RunRecord | undefined> {
    const found = await this.mesh.records.get(keyOfRun('r'));
    const read = found && decodeRunRecord(found.key, found.value);
    return read === undefined || 'refused' in read ? undefined : read;
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (let i = 0; !(await isSo()); i++) {
      assert.ok(i < 10_000, 'waited too long');
      await this.clock.tick();
    }
  }
}

test('a first write whose answer is lost is known as one’s own', async () => {
  const bench = new Bench();
  bench.fates.push('unheard');
  await using lease = bench.lease();
  await bench.until(() => lease.standing.tag === 'held');
  assert.deepEqual((await bench.record())!.coordinator, SELF);
  await bench.until(async () => (await bench.record())!.epoch !== undefined);
  assert.equal((await bench.record())!.epoch, lease.epoch);
  assert.deepEqual(bench.puts, [0, lease.epoch]);
});

test('a run whose record went with the data of the engine is held on, under a new epoch', async () => {
  const bench = new Bench();
  await using lease = bench.lease();
  await bench.until(() => lease.standing.tag === 'held');
  const { epoch } = lease;
  const { revision } = (await bench.mesh.records.get(keyOfRun('r')))!;
  await bench.mesh.records.delete(keyOfRun('r'), revision);
  lease.vanished();
  let known: number | undefined;
  await bench.until(() => bench.lost.length > 0 || bench.vanished > 0);
  void lease.certain(never).then((certain) => (known = certain));
  await bench.until(() => known !== undefined || bench.lost.length > 0);
  assert.deepEqual([bench.lost, bench.vanished], [[], 1]);
  assert.ok(known! > epoch!, `${known} after ${epoch}`);
  assert.deepEqual((await bench.record())!.coordinator, SELF);
  assert.equal(await lease.finish(said({ state: 'completed', finished: 5 })), true);
  assert.equal((await bench.record())!.state, 'completed');
});

test('the epoch stays as it was when the run was taken, however often the record is written', async () => {
  const bench = new Bench();
  bench.fates.push('refused');
  await using lease = bench.lease();
  await bench.until(() => lease.standing.tag === 'held');
  const { epoch } = lease;
  for (const fate of ['unheard', undefined] as const) {
    if (fate !== undefined) bench.fates.push(fate);
    const before = (await bench.mesh.records.get(keyOfRun('r')))!.revision;
    lease.nudge('now');
    await bench.until(async () => (await bench.mesh.records.get(keyOfRun('r')))!.revision > before);
    let known: number | undefined;
    void lease.certain(never).then((certain) => (known = certain));
    await bench.until(() => known !== undefined);
    assert.equal(known, epoch);
    assert.equal((await bench.record())!.epoch, epoch);
  }
  assert.deepEqual(bench.lost, []);
});

test('a last word whose answer is lost is said, and once', async () => {
  const bench = new Bench();
  await using lease = bench.lease();
  await bench.until(() => lease.standing.tag === 'held');
  bench.fates.push('unheard');
  const finished = lease.finish(said({ state: 'completed', finished: 5 }));
  await bench.until(() => lease.standing.tag === 'over');
  assert.equal(await finished, true);
  assert.equal((await bench.record())!.state, 'completed');
  assert.equal(bench.puts.length, 2);
});

test('who lets go of a run and hears that before the answer has not lost it', async () => {
  const bench = new Bench();
  await using lease = bench.lease();
  await bench.until(() => lease.standing.tag === 'held');
  bench.fates.push('unheard');
  const released = lease.release(said());
  await bench.until(async () => (await bench.record())!.coordinator === null);
  lease.observe((await bench.record())!, (await bench.mesh.records.get(keyOfRun('r')))!.revision);
  assert.equal(await released, true);
  assert.deepEqual(bench.lost, []);
});

test('who finds another’s name there writes nothing more', async () => {
  const bench = new Bench();
  await using lease = bench.lease();
  await bench.until(() => lease.standing.tag === 'held');
  const stood = (await bench.mesh.records.get(keyOfRun('r')))!;
  const other = { ...(await bench.record())!, coordinator: { did: SELF.did, incarnation: 'I2' }, epoch: undefined };
  const revision = (await bench.mesh.records.put(keyOfRun('r'), encodeRunRecord(other), stood.revision))!;
  assert.equal(
    await Promise.race([lease.finish(said({ state: 'completed' })), bench.until(() => lease.standing.tag === 'lost').then(() => false)]),
    false,
  );
  assert.deepEqual(bench.lost, ['taken']);
  assert.equal((await bench.mesh.records.get(keyOfRun('r')))!.revision, revision);
  assert.equal(await lease.certain(never), undefined);
});

test('what ended is forgotten by number and by age, with its journal and its key; what goes on never', async () => {
  const bench = new Bench();
  const { mesh, clock } = bench;
  const key = 'f'.repeat(64);
  const put = async (run: string, more: Partial<Said>): Promise<void> => {
    await mesh.records.put(keyOfRun(run), encodeRunRecord({ ...said(more), run, coordinator: SELF }), 0);
    await mesh.journals.append(journalOf(run), [new Uint8Array([1])]);
  };
  await put('r1', { state: 'completed', submission: key });
  await mesh.records.put(keyOfSubmission(key), encodeSubmission({ run: 'r1', digest: 'd', by: SELF }), 0);
  await put('r2', { state: 'failed' });
  await put('r3', { state: 'running' });
  await put('r4', { state: 'cancelled' });
  await using table = new RunTable({ records: mesh.records, clock, onRefused: () => {}, onChange: () => {} });
  await table.current;
  const company = { isJudging: true, self: { ...SELF, isDraining: false }, others: () => [] };
  await using _ = new Retention({ mesh, clock, company, table, runs: 2, age: 600_000 });
  const left = async (): Promise<string[]> => (await mesh.records.list('run')).map(({ key: name }) => name).toSorted();
  for (let i = 0; i < 3; i++) {
    clock.advance(60_000);
    await bench.until(() => clock.timers.size > 0);
  }
  await bench.until(async () => (await left()).length === 3);
  assert.deepEqual(await left(), ['run.r2', 'run.r3', 'run.r4']);
  assert.equal(await mesh.records.get(keyOfSubmission(key)), undefined);
  await bench.until(async () => (await left()).length === 1);
  assert.deepEqual(await left(), ['run.r3']);
});

test('that another ended the run meanwhile is not taken for one’s own last word', async () => {
  const bench = new Bench();
  await using lease = bench.lease();
  await bench.until(() => lease.standing.tag === 'held');
  const key = keyOfRun('r');
  const { records } = bench.engine.join('did:key:b');
  await bench.until(async () => {
    const { value, revision } = (await records.get(key))!;
    const record = decodeRunRecord(key, value);
    assert.ok(!('refused' in record));
    const ended: RunRecord = { ...record, state: 'cancelled', coordinator: null, finished: 3 };
    return (await records.put(key, encodeRunRecord(ended), revision)) !== undefined;
  });
  let isSaid: boolean | undefined;
  void lease.finish(said({ state: 'completed', finished: 5 })).then((is) => (isSaid = is));
  await bench.until(() => isSaid !== undefined);
  assert.equal(isSaid, false);
});
