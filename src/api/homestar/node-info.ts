import { isIP } from 'node:net';
import { peerIdOf } from '../../ipld/peer-id.ts';
import type { AgentView } from '../../protocol/peers.ts';

/** What Homestar tells of a node. */
export interface NodeInfo {
  readonly static: { readonly peer_id: string };
  readonly dynamic: { readonly listeners: readonly string[]; readonly connections: Readonly<Record<string, string>> };
}

/** `addresses` are those of HTTP, `ports` those of this door. Peers are those that answer. */
export function nodeInfo(did: string, addresses: readonly string[], doors: readonly string[], peers: readonly AgentView[]): NodeInfo {
  return {
    static: { peer_id: peerIdOf(did) ?? did },
    dynamic: {
      listeners: [...addresses.map((address) => multiaddr(address)), ...doors.map((address) => multiaddr(address, 'ws'))],
      connections: Object.fromEntries(peers.map((peer) => [peerIdOf(peer.did) ?? peer.did, multiaddr(peer.address)])),
    },
  };
}

/** `host:port` as https://github.com/multiformats/multiaddr has it. */
export function multiaddr(address: string, over = 'http'): string {
  const [, host = address, port = '0'] = /^(.*):(\d+)$/.exec(address) ?? [];
  const plain = host.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(plain);
  return `/${family === 0 ? 'dns' : `ip${family}`}/${plain}/tcp/${port}/${over}`;
}
