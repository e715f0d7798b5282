import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { buildGuests } from '../../../scripts/build-guests.ts';
import { Agent } from '../../../src/agent/agent.ts';
import { keeperOf } from '../../../src/agent/mesh/durable.ts';
import { objectOf } from '../../../src/agent/mesh/mesh-finder.ts';
import { MeshObjects } from '../../../src/agent/mesh/objects.ts';
import { DocketError } from '../../../src/errors.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import * as Tree from '../../../src/store/tree.ts';
import { guest, Place, type Report } from '../../cli/helpers.ts';
import { HandClock } from '../../hand-clock.ts';

const NEVER = new AbortController().signal;
const WORDS = Array.from(
  { length: 20_000 },
  (_, i) => `word${i.toString(36).replaceAll(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!)}`,
).join(' ');

interface Counted extends Report {
  readonly outputs: { readonly count: { readonly stdout: { readonly '/': string } } };
}

let place: Place;
let output: string;
before(async () => {
  await buildGuests();
  place = new Place();
  place.write('count.wasm', readFileSync(guest('count-words')));
  place.write('words.txt', WORDS);
  place.write('durable.yaml', 'name: durable\ntasks:\n  count:\n    module: count.wasm\n    stdin: {file: words.txt}\n    durable: 1d\n');
  // Where there is no mesh it is a task like any other.
  const { stdout, stderr } = await place.docket(['run', place.at('durable.yaml'), '--json']);
  assert.notEqual(stdout, '', stderr);
  output = outputOf(JSON.parse(stdout) as Counted);
});
after(() => place[Symbol.dispose]());

async function start(mesh: LocalMesh, name: string, change: (mesh: Mesh) => Mesh = (own) => own): Promise<Agent> {
  return await Agent.start({
    home: join(place.folder, name),
    port: 0,
    mesh: { name: mesh.name, join: async ({ self, clock }) => change(mesh.join(self, clock)), reach: async () => '127.0.0.1' },
  });
}

async function docket(agent: Agent, ...args: string[]): ReturnType<Place['docket']> {
  return await place.docket([...args, '--agent', agent.url], { env: { DOCKET_TOKEN: agent.token } });
}

function outputOf({ outputs }: Counted): string {
  return outputs.count.stdout['/'];
}

async function run(agent: Agent): Promise<Counted> {
  const { stdout, stderr } = await docket(agent, 'run', place.at('durable.yaml'), '--json');
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Counted;
}

suite('durable outputs', () => {
  test('are got from the mesh when whoever made them is gone for good', async () => {
    const mesh = new LocalMesh();
    {
      await using first = await start(mesh, 'a1');
      const { state } = await run(first);
      assert.equal(state, 'completed');
    }
    rmSync(join(place.folder, 'a1'), { recursive: true });
    await using second = await start(mesh, 'a2');
    const report = await run(second);
    assert.deepEqual([report.state, report.tasks.ran, report.tasks.cached], ['completed', 0, 1]);
    assert.equal(outputOf(report), output);
    const shown = await docket(second, 'store', 'cat', output);
    assert.equal(Cid.ofBlob(Buffer.from(shown.stdout)).toString(), output, shown.stderr);
  });

  test('are not what others are: those are run again', async () => {
    const mesh = new LocalMesh();
    const plain = place.write('plain.yaml', 'name: plain\ntasks:\n  count:\n    module: count.wasm\n    stdin: {file: words.txt}\n');
    const runPlain = async (agent: Agent): Promise<number> =>
      (JSON.parse((await docket(agent, 'run', plain, '--json')).stdout) as Report).tasks.ran;
    {
      await using first = await start(mesh, 'c1');
      assert.equal(await runPlain(first), 1);
    }
    rmSync(join(place.folder, 'c1'), { recursive: true });
    await using second = await start(mesh, 'c2');
    assert.equal(await runPlain(second), 1);
  });

  test('that find no room are said not to be there', async () => {
    const mesh = new LocalMesh();
    const full = (own: Mesh): Mesh =>
      Object.assign(Object.create(own) as Mesh, {
        objects: Object.assign(Object.create(own.objects) as Mesh['objects'], {
          put: async (cid: Cid.CID, size: number, source: AsyncIterable<Uint8Array>) => {
            if (cid.toString() === output) throw new DocketError('MESH_FULL', 'the stream of objects is full');
            return await own.objects.put(cid, size, source);
          },
        }),
      });
    await using agent = await start(mesh, 'b1', full);
    const { status, stdout, stderr } = await docket(agent, 'run', place.at('durable.yaml'), '--json');
    const report = JSON.parse(stdout) as Counted;
    assert.deepEqual([report.state, status], ['failed', 1]);
    assert.match(JSON.stringify(report), /\(MESH_FULL\): the stream of objects is full/);
    assert.match(stderr, /docket resume \S+ keeps it and runs nothing again/);
  });
});

interface Keeping {
  readonly store: MemoryStore;
  readonly mesh: Mesh;
  readonly clock: HandClock;
}

async function keeping(): Promise<Keeping & AsyncDisposable> {
  const mesh = new LocalMesh().join('did:key:a');
  return { store: new MemoryStore(), mesh, clock: new HandClock(), [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose]() };
}

suite('keeping them', () => {
  test('brings what is elsewhere, also what that names, and says which is nowhere', async () => {
    await using at = await keeping();
    const elsewhere = new MemoryStore();
    const { cid: file } = await elsewhere.put(Buffer.from('x'.repeat(9_000)));
    const tree = await Tree.write(elsewhere, { a: { cid: file, size: 9_000, executable: false } });
    const nowhere = Cid.ofBlob(Buffer.from('never made'));
    const bring = async (cid: Cid.CID): Promise<void> => {
      const bytes = await elsewhere.read(cid, { limit: 2 ** 20 }).catch(() => {
        throw new DocketError('BLOB_MISSING', `${cid.toString()} is nowhere`);
      });
      await at.store.put(bytes);
    };
    const keep = keeperOf('r', { objects: new MeshObjects(at), bring, clock: at.clock });
    const keeps = keep(
      [
        { value: { out: tree }, durable: true },
        { value: nowhere, durable: true },
        { value: 'small', durable: 60_000 },
      ],
      NEVER,
    );
    const state = { isOver: false };
    const over = keeps.finally(() => (state.isOver = true));
    while (!state.isOver) {
      at.clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(
      (await over).map((end) => (end as DocketError | undefined)?.code),
      [undefined, 'BLOB_MISSING', undefined],
    );
    for (const cid of [tree, file]) assert.equal(await at.mesh.objects.has(objectOf(cid)), true);
  });

  test('goes on when the engine is back, and ends at once where it is told no', async () => {
    await using at = await keeping();
    const { cid } = await at.store.put(Buffer.from('y'.repeat(9_000)));
    const codes = ['MESH_UNREACHABLE', 'MESH_UNREACHABLE', undefined, 'MESH_REFUSED'] as const;
    const told = { tries: 0 };
    const objects = new MeshObjects(at);
    const telling = {
      keep: async (...args: Parameters<MeshObjects['keep']>) => {
        const code = codes[told.tries++];
        if (code !== undefined) throw new DocketError(code, 'no');
        return await objects.keep(...args);
      },
    };
    const keep = keeperOf('r', { objects: telling, bring: async () => {}, clock: at.clock });
    const first = keep([{ value: cid, durable: true }], NEVER);
    while (told.tries < 3) {
      at.clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await first, [undefined]);
    const [refused] = await keep([{ value: cid, durable: true }], NEVER);
    assert.equal((refused as DocketError).code, 'MESH_REFUSED');
    assert.equal(told.tries, 4);
  });
});
