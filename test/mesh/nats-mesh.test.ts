import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { systemClock } from '../../src/base/clock.ts';
import type { Mesh } from '../../src/mesh/mesh.ts';
import { openNatsMesh } from '../../src/mesh/nats/open.ts';
import { meshContract, type MeshUnderTest } from '../contract/mesh.ts';
import { CutLine } from './cut-line.ts';
import { SMALL } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

/** Who may do all, and who may only read. */
const USERS = `accounts { A { jetstream: enabled, users: [
  { user: all, password: p }
  { user: reader, password: p, permissions: { publish: { deny: ["$KV.>", "docket.*.result.>", "docket.*.journal.>", "$JS.API.STREAM.PURGE.>"] } } }
] } }`;

if (noNatsServer === false) {
  // One server for all: each mesh has a name of its own, so they do not see each other.
  let server: NatsServer;
  before(async () => {
    server = await NatsServer.start({ config: USERS });
  });
  after(async () => await server[Symbol.asyncDispose]());

  const make = async (): Promise<MeshUnderTest> => {
    const stack = new AsyncDisposableStack();
    const lines = new Map<Mesh, CutLine>();
    const open = async (name: string, self: string, user = 'all'): Promise<Mesh> => {
      const line = stack.use(await CutLine.to(server.port));
      const mesh = stack.use(
        await openNatsMesh({ servers: [line.urlAs(user)], name, self, clock: systemClock, patience: 500, limits: SMALL }),
      );
      lines.set(mesh, line);
      return mesh;
    };
    const [here, elsewhere] = [randomUUID(), randomUUID()];
    return {
      open: async (did) => await open(here, did),
      openElsewhere: async (did) => await open(elsewhere, did),
      openReader: async (did) => await open(here, did, 'reader'),
      loseRecords: async () => {
        await using nats = await connect({ servers: server.url, user: 'all', pass: 'p' });
        await nats.request(`$JS.API.STREAM.DELETE.KV_docket-${here}-records`);
      },
      cut: async (member) => lines.get(member)?.cut(),
      heal: async (member) => lines.get(member)?.heal(),
      [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
    };
  };

  meshContract('NATS', make, { isCuttable: true, hasReaders: true });
} else {
  test('mesh contract: NATS', { skip: noNatsServer });
}
