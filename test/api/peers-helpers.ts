import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { AgentOptions } from '../../src/agent/agent.ts';
import type { CID } from '../../src/ipld/cid.ts';
import type { Role } from '../../src/protocol/peers.ts';
import type { HandClock } from '../hand-clock.ts';
import { HostileServer } from '../store/hostile-server.ts';
import { Door } from './helpers.ts';

interface Together {
  /** Which of them each names as peers. */
  readonly peersOf: (index: number) => readonly number[];
  readonly options?: readonly Partial<AgentOptions>[];
}

/** Agents that know each other's addresses and tokens, in circles too. */
export async function together(
  count: number,
  { peersOf, options = [] }: Together,
): Promise<AsyncDisposable & { readonly doors: readonly Door[] }> {
  await using stack = new AsyncDisposableStack();
  const known: (Way & { readonly token: string })[] = [];
  for (let i = 0; i < count; i++) known.push({ ...stack.use(await openWay()), token: randomBytes(32).toString('base64url') });
  const doors: Door[] = [];
  for (const [i, way] of known.entries()) {
    const peers = peersOf(i).map((other) => ({ url: known[other]!.url, token: known[other]!.token }));
    doors.push(stack.use(await Door.open({ ...options[i], peers }, way.token)));
    way.lead(Number(new URL(doors[i]!.agent.url).port));
  }
  const owned = stack.move();
  return { doors, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Way extends AsyncDisposable {
  readonly url: string;
  readonly lead: (port: number) => void;
}

/** An address that is known before there is anybody behind it. */
async function openWay(): Promise<Way> {
  const sockets = new Set<Socket>();
  let to = 0;
  const server = createServer((socket) => {
    const onward = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {}).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead: (port) => void (to = port),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether the agent itself has it. */
export async function holds({ agent }: Door, cid: CID): Promise<boolean> {
  return (await agent.engine.store.stat(cid)) !== undefined;
}

/** Answers the question who it is; false if that is not what was asked. */
export function answersAs(
  did: string,
  request: IncomingMessage,
  response: ServerResponse,
  roles: readonly Role[] = ['runner', 'storage'],
): boolean {
  if (request.url !== '/v1/agents') return false;
  const view = { did, address: 'hostile:1', version: '0', slots: 1, roles, ops: [], tags: {}, started: '' };
  response.end(JSON.stringify({ agents: [view] }));
  return true;
}

/** A relay before a server that answers as the test says. */
export async function relayBefore(
  answer: Parameters<typeof HostileServer.open>[0],
  clock?: HandClock,
): Promise<AsyncDisposable & { readonly relay: Door; readonly server: HostileServer }> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(
    await HostileServer.open((request, response) => {
      if (!answersAs('did:key:other', request, response)) answer(request, response);
    }),
  );
  const relay = stack.use(
    await Door.open({ roles: [], peers: [{ url: server.url, token: 'its-token' }], ...(clock === undefined ? {} : { clock }) }),
  );
  const owned = stack.move();
  return { relay, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
