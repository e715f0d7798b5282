import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Agent } from '../../../src/agent/agent.ts';
import type { MeshOptions } from '../../../src/agent/mesh/mesh-part.ts';
import { readSweep, SWEEP } from '../../../src/agent/mesh/sweep-record.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { DocketError, isDocketError } from '../../../src/errors.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Around } from '../../../src/sdk/members.ts';
import { askAround, askDrain } from '../../../src/sdk/members.ts';
import { HandClock } from '../../hand-clock.ts';

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'docket-part-'));
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

function joining(local: LocalMesh): MeshOptions {
  return { name: local.name, join: async ({ self }) => local.join(self), reach: async () => '127.0.0.1' };
}

const NEVER = new AbortController().signal;

async function around({ url, token }: Agent): Promise<Around> {
  return await askAround({ url, token }, NEVER);
}

/** Until the agent says so. */
async function until(agent: Agent, holds: (around: Around) => boolean): Promise<Around> {
  for (;;) {
    const now = await around(agent);
    if (holds(now)) return now;
    await new Promise<void>((resolve) => systemClock.after(20, resolve));
  }
}

suite('an agent in a mesh', () => {
  test('hears the others, tells them that it drains, and says goodbye', async () => {
    using folder = new Folder();
    const local = new LocalMesh({ name: 'lab' });
    const start = (name: string) => Agent.start({ home: join(folder.path, name), port: 0, slots: 1, mesh: joining(local), tags: { name } });
    await using one = await start('one');
    const two = await start('two');
    try {
      const both = await until(one, ({ members }) => members.length === 2);
      assert.deepEqual(both.mesh, { name: 'lab', link: 'up', error: null });
      assert.deepEqual(
        both.members.map(({ isSelf, tags }) => [isSelf, tags['name']]),
        [
          [true, 'one'],
          [false, 'two'],
        ],
      );
      assert.ok(both.members[1]!.room > 0, 'it would take tasks');
      await askDrain({ url: one.url, token: one.token }, two.engine.key.did, true, NEVER);
      const drained = await until(one, ({ members }) => members[1]!.state === 'draining');
      assert.equal(drained.members[1]!.room, 0);
    } finally {
      await two[Symbol.asyncDispose]();
    }
    const left = await until(one, ({ members }) => members[1]?.state === 'gone');
    assert.equal(left.members[1]!.because, 'left');
  });

  test('with the identity of another that was there before it is to end, and the other stays', async () => {
    using folder = new Folder();
    const local = new LocalMesh();
    const [first, second] = [join(folder.path, 'first'), join(folder.path, 'second')];
    // An identity, in two homes.
    for (const home of [first, second]) await (await Agent.start({ home, port: 0 }))[Symbol.asyncDispose]();
    copyFileSync(join(first, 'identity.json'), join(second, 'identity.json'));
    await using one = await Agent.start({ home: first, port: 0, mesh: joining(local) });
    await using two = await Agent.start({ home: second, port: 0, mesh: joining(local) });
    while (two.meshFailure === undefined) await new Promise<void>((resolve) => systemClock.after(20, resolve));
    assert.equal(two.meshFailure.code, 'MESH_IDENTITY_TAKEN');
    assert.equal((await around(two)).mesh?.link, 'left');
    assert.equal(one.meshFailure, undefined);
    assert.equal((await around(one)).mesh?.link, 'up');
  });

  test('counts messages about work that it cannot read', async () => {
    using folder = new Folder();
    const local = new LocalMesh();
    await using agent = await Agent.start({ home: join(folder.path, 'home'), port: 0, mesh: joining(local) });
    await using other = local.join('did:key:other');
    let lines: readonly string[] = [];
    while (!lines.some((line) => line.startsWith('docket_mesh_refused_total'))) {
      // Until it listens.
      other.messages.send(agent.engine.key.did, Buffer.from('garbage'));
      const { url, token } = agent;
      const answer = await fetch(new URL('/metrics', url), { headers: { authorization: `Bearer ${token}` } });
      lines = (await answer.text()).split('\n');
      await new Promise<void>((resolve) => systemClock.after(5, resolve));
    }
    assert(lines.some((line) => line.startsWith('docket_mesh_unread_total{why="garbage"}')));
  });

  test('takes its turn at sweeping what no run needs', async () => {
    using folder = new Folder();
    const clock = new HandClock();
    const local = new LocalMesh();
    await using agent = await Agent.start({ home: join(folder.path, 'home'), port: 0, mesh: joining(local), clock });
    await using observer = local.join('did:key:observer');
    assert.equal(await observer.records.get(SWEEP), undefined);
    clock.advance(600_000);
    const said = async (): Promise<ReturnType<typeof readSweep> | undefined> => {
      const record = await observer.records.get(SWEEP);
      return record && readSweep(record);
    };
    let sweep = await said();
    for (; sweep === undefined || 'refused' in sweep || sweep.isDeleting; sweep = await said())
      await new Promise<void>((resolve) => systemClock.after(5, resolve));
    assert.equal(sweep.holder, agent.engine.key.did);
  });

  test('waits for an engine that cannot be reached, and says so', async () => {
    using folder = new Folder();
    const local = new LocalMesh();
    const told: string[] = [];
    let failures = 2;
    const mesh: MeshOptions = {
      ...joining(local),
      join: async ({ self }) => {
        if (failures-- > 0) throw new DocketError('MESH_UNREACHABLE', 'nobody is there');
        return local.join(self);
      },
    };
    // Its pauses are of no length.
    const clock = {
      ...systemClock,
      after: (ms: number, callback: () => void) => systemClock.after(ms === 1_000 || ms === 2_000 ? 0 : ms, callback),
    };
    await using _ = await Agent.start({ home: folder.path, port: 0, clock, mesh, tell: (event) => told.push(event) });
    assert.deepEqual(told.slice(0, 3), ['mesh unreachable', 'mesh unreachable', 'mesh joined']);
  });

  test('what no waiting mends ends the start, and so does being told to stop', async () => {
    using folder = new Folder();
    const failing = (code: 'MESH_DENIED' | 'MESH_UNREACHABLE'): MeshOptions => ({
      ...joining(new LocalMesh()),
      join: async () => {
        throw new DocketError(code, 'no');
      },
    });
    await assert.rejects(Agent.start({ home: folder.path, port: 0, mesh: failing('MESH_DENIED') }), (error) =>
      isDocketError(error, 'MESH_DENIED'),
    );
    const stop = new AbortController();
    const tell = (): void => stop.abort(new DocketError('CANCELLED', 'stopped'));
    await assert.rejects(
      Agent.start({ home: folder.path, port: 0, mesh: failing('MESH_UNREACHABLE'), tell, signal: stop.signal }),
      (error) => isDocketError(error, 'CANCELLED'),
    );
    await using _ = await Agent.start({ home: folder.path, port: 0 });
  });
});
