import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vaultOf } from '../../../../src/agent/mesh/runs/vault.ts';
import { objectOf } from '../../../../src/agent/mesh/mesh-finder.ts';
import { systemClock } from '../../../../src/base/clock.ts';
import { DocketError } from '../../../../src/errors.ts';
import * as Cid from '../../../../src/ipld/cid.ts';
import { LocalMesh } from '../../../../src/mesh/local/local-mesh.ts';
import { MemoryStore } from '../../../../src/store/memory-store.ts';

const never = new AbortController().signal;

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

test('what is not among the objects of the mesh, or is wrong there, is brought from members', async () => {
  await using mesh = new LocalMesh().join('did:key:a');
  const store = new MemoryStore();
  const [good, wrong, none] = ['good', 'wrong', 'none'].map((text) => Buffer.from(text));
  await mesh.objects.put(objectOf(Cid.ofBlob(good!)), good!.length, stream(good!));
  await mesh.objects.put(objectOf(Cid.ofBlob(wrong!)), 3, stream(Buffer.from('bad')));
  const asked: string[] = [];
  const vault = vaultOf(mesh, { store, clock: systemClock }, async (cid) => {
    asked.push(cid.toString());
    await store.put([wrong!, none!].find((blob) => Cid.ofBlob(blob).equals(cid))!);
  });
  for (const blob of [good!, wrong!, none!]) {
    await vault.bring(Cid.ofBlob(blob), never);
    assert.ok(Buffer.from(await store.read(Cid.ofBlob(blob))).equals(blob));
  }
  assert.deepEqual(
    asked,
    [wrong!, none!].map((blob) => Cid.ofBlob(blob).toString()),
  );
});

test('an engine that is not reached says nothing of what it has', async () => {
  await using mesh = new LocalMesh().join('did:key:a');
  mesh.objects.get = () => {
    throw new DocketError('MESH_UNREACHABLE', 'the engine is away');
  };
  const vault = vaultOf(mesh, { store: new MemoryStore(), clock: systemClock }, () => assert.fail('nobody is asked'));
  await assert.rejects(vault.bring(Cid.ofBlob(Buffer.from('x')), never), { code: 'MESH_UNREACHABLE' });
});
