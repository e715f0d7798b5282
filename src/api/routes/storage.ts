import { z } from 'zod';
import { Gate } from '../../base/gate.ts';
import { DocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { blobReply } from '../blob-replies.ts';
import { asText } from '../request-body.ts';
import { json, type Reply, route, type Route, text } from '../route.ts';
import { ModuleReference, Sri } from '../schemas.ts';
import type { Offered } from '../../protocol/peers.ts';

/** Serval's storage: manifests, their modules, and blobs by Subresource Integrity. */

const MOST_MANIFEST = 256 * 1024;
/** As Serval has it. */
const MOST_BYTES = 100 * 2 ** 20;

/** Patches are for being smaller than what they make. */
const MOST_PATCH = 32 * 2 ** 20;

const Name = z.object({ name: ModuleReference });
const Executable = z.object({ name: ModuleReference, version: z.string().min(1).max(100) });
const Address = z.object({ rest: Sri });
const BYTES = { mediaType: 'application/octet-stream', limit: MOST_BYTES } as const;
const relay = { role: 'storage' } as const;
const INTEGRITY = { description: 'Its Subresource Integrity.', mediaType: 'text/plain' } as const;

export function storageRoutes(services: Offered): Route[] {
  return [...manifestRoutes(services), ...executableRoutes(services), ...dataRoutes(services)];
}

function manifestRoutes({ modules, peers }: Offered): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/storage/manifests',
      summary: 'Keys of all manifests and modules.',
      tag: 'storage',
      scope: 'read',
      relay,
      replies: { 200: { description: 'One list of both.', schema: z.array(z.string()) } },
      handle: async () => {
        const rows = await modules.list();
        const executables = rows.flatMap(({ shown, written, module }) => (module === null ? [] : [`${shown}.${written}.wasm`]));
        return json([...new Set(rows.map(({ shown }) => `${shown}.manifest.toml`)), ...executables]);
      },
    }),
    route({
      method: 'POST',
      path: '/v1/storage/manifests',
      summary: 'Names a manifest; its module is sent next.',
      tag: 'storage',
      scope: 'write',
      relay,
      bytes: { mediaType: 'application/toml', limit: MOST_MANIFEST },
      replies: { 201: INTEGRITY },
      handle: async ({ whole }) => text(Cid.toSri((await modules.announce(asText(await whole()))).manifest), 201),
    }),
    route({
      method: 'GET',
      path: '/v1/storage/manifests/:name',
      summary: 'A manifest; HEAD says whether there is one.',
      tag: 'storage',
      scope: 'read',
      relay,
      params: Name,
      replies: { 200: { description: 'As it is kept.', mediaType: 'application/toml' } },
      handle: async ({ params, hops, signal }): Promise<Reply> => {
        await peers.bringModule(params.name, { hops, signal });
        const { manifest } = await modules.findManifest(params.name);
        const body = await peers.store(hops).read(manifest);
        return {
          status: 200,
          headers: { 'content-type': 'application/toml', etag: `"${manifest}"`, 'content-length': String(body.length) },
          body,
        };
      },
    }),
  ];
}

function executableRoutes({ modules, peers, store }: Offered): Route[] {
  return [
    route({
      method: 'PUT',
      path: '/v1/storage/manifests/:name/executable/:version',
      summary: 'Gives a manifest its module.',
      tag: 'storage',
      scope: 'write',
      relay,
      params: Executable,
      bytes: BYTES,
      replies: { 201: INTEGRITY },
      handle: async ({ params, bytes, signal }) => {
        // Before what may be a hundred megabytes are taken in.
        await modules.findManifest(`${params.name}@${params.version}`);
        const { cid } = await store.put(bytes, { signal });
        await modules.attach(params.name, params.version, cid);
        return text(Cid.toSri(cid), 201);
      },
    }),
    route({
      method: 'GET',
      path: '/v1/storage/manifests/:name/executable/:version',
      summary: 'The module of a manifest.',
      tag: 'storage',
      scope: 'read',
      relay,
      params: Executable,
      replies: { 200: { description: 'Its bytes.', mediaType: 'application/octet-stream' } },
      handle: async (request) => {
        const { params, hops, signal } = request;
        const reference = `${params.name}@${params.version}`;
        await peers.bringModule(reference, { hops, signal });
        return await blobReply(peers.store(hops), (await modules.find(reference)).module, request);
      },
    }),
  ];
}

/** Patches applied at a time: each holds a blob and a patch in memory. */
const MOST_PATCHING = 2;

function dataRoutes({ store, peers }: Offered): Route[] {
  const gate = new Gate(MOST_PATCHING);
  return [
    route({
      method: 'PATCH',
      path: '/v1/storage/data/*',
      summary: 'Stores a blob that is made of one that is here by a patch of bsdiff 4.',
      tag: 'storage',
      scope: 'write',
      relay,
      params: Address,
      bytes: { mediaType: 'application/octet-stream', limit: MOST_PATCH },
      replies: { 201: { ...INTEGRITY, description: 'Subresource Integrity of the new blob. The old one stays.' } },
      handle: async ({ params: { rest: cid }, whole, signal }) => {
        // Before the patch is taken in.
        const size = (await store.stat(cid))?.size;
        if (size === undefined) throw new DocketError('BLOB_MISSING', `${cid} is not in the store`);
        if (size > MOST_BYTES) throw new DocketError('BLOB_TOO_LARGE', `the blob has ${size} bytes; up to ${MOST_BYTES} can be patched`);
        using _ = await gate.enter(signal);
        const patch = await whole();
        const { patched } = await import('../../patch/patched.ts');
        const old = await store.read(cid, { limit: MOST_BYTES });
        return text(Cid.toSri((await store.put(patched(old, patch, { limit: MOST_BYTES, signal }), { signal })).cid), 201);
      },
    }),
    route({
      method: 'POST',
      path: '/v1/storage/data',
      summary: 'Stores a blob.',
      tag: 'storage',
      scope: 'write',
      relay,
      bytes: BYTES,
      replies: { 201: INTEGRITY },
      handle: async ({ bytes, signal }) => text(Cid.toSri((await store.put(bytes, { signal })).cid), 201),
    }),
    route({
      method: 'GET',
      path: '/v1/storage/data/*',
      summary: 'A blob by its Subresource Integrity; HEAD says whether it can be had.',
      tag: 'storage',
      scope: 'read',
      relay: { ...relay, blob: ({ rest }) => rest, isHere: async ({ rest }) => (await store.stat(rest)) !== undefined },
      params: Address,
      replies: { 200: { description: 'Its bytes.', mediaType: 'application/octet-stream' } },
      handle: (request) => blobReply(peers.store(request.hops), request.params.rest, request),
    }),
  ];
}
