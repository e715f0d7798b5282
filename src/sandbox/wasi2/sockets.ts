import type { ResourceType } from '../component/handles.ts';
import type { HostFunction, HostInterface } from '../component/host-interface.ts';
import { trap } from '../component/trap.ts';
import { err, isPreview2, type System } from './system.ts';

/**
 * `wasi:sockets`, which is not offered, but there: what Rust's std and wasi-libc make of programs imports it, also of those that never open a socket. Each way to
 * one is denied, so that nothing here can be called with a socket, and what takes one only has to be there to be linked to.
 * https://github.com/WebAssembly/WASI/tree/v0.2.3/wasip2/sockets
 */

const host = (name: string): ResourceType => ({ name, definer: undefined });
const NETWORK = host('network');
const TCP_SOCKET = host('tcp-socket');
const UDP_SOCKET = host('udp-socket');

const ERROR_CODE =
  'enum { unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict, not-in-progress, would-block, invalid-state, ' +
  'new-socket-limit, address-not-bindable, address-in-use, remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large, ' +
  'name-unresolvable, temporary-resolver-failure, permanent-resolver-failure }';

const DENIED = err('access-denied');

/** Of any type, since it never returns. */
const NO_SOCKET: HostFunction<System> = {
  type: undefined,
  call: () => {
    throw trap('there is no socket to call this with');
  },
};

function methods(resource: string, names: readonly string[]): Record<string, HostFunction<System>> {
  return Object.fromEntries(names.map((name) => [`[method]${resource}.${name}`, NO_SOCKET]));
}

const BUFFERS = ['receive-buffer-size', 'set-receive-buffer-size', 'send-buffer-size', 'set-send-buffer-size'];
const BOTH = ['start-bind', 'finish-bind', 'local-address', 'remote-address', 'address-family', 'subscribe', ...BUFFERS];

const TCP = [
  ...BOTH,
  'start-connect',
  'finish-connect',
  'start-listen',
  'finish-listen',
  'accept',
  'is-listening',
  'set-listen-backlog-size',
  'keep-alive-enabled',
  'set-keep-alive-enabled',
  'keep-alive-idle-time',
  'set-keep-alive-idle-time',
  'keep-alive-interval',
  'set-keep-alive-interval',
  'keep-alive-count',
  'set-keep-alive-count',
  'hop-limit',
  'set-hop-limit',
  'shutdown',
];

const UDP = [...BOTH, 'stream', 'unicast-hop-limit', 'set-unicast-hop-limit'];

function create(kind: 'tcp' | 'udp', socket: ResourceType): HostInterface<System> {
  return {
    name: `wasi:sockets/${kind}-create-socket`,
    accepts: isPreview2,
    resources: {},
    functions: {
      [`create-${kind}-socket`]: {
        type: `func(enum { ipv4, ipv6 }) -> result<own<${socket.name}>, ${ERROR_CODE}>`,
        call: () => DENIED,
      },
    },
  };
}

const INTERFACES: readonly HostInterface<System>[] = [
  {
    name: 'wasi:sockets/network',
    accepts: isPreview2,
    resources: { network: NETWORK },
    functions: { 'network-error-code': { type: `func(borrow<error>) -> option<${ERROR_CODE}>`, call: () => undefined } },
  },
  {
    name: 'wasi:sockets/instance-network',
    accepts: isPreview2,
    resources: {},
    functions: { 'instance-network': { type: 'func() -> own<network>', call: () => ({}) } },
  },
  { name: 'wasi:sockets/tcp', accepts: isPreview2, resources: { 'tcp-socket': TCP_SOCKET }, functions: methods('tcp-socket', TCP) },
  {
    name: 'wasi:sockets/udp',
    accepts: isPreview2,
    resources: {
      'udp-socket': UDP_SOCKET,
      'incoming-datagram-stream': host('incoming-datagram-stream'),
      'outgoing-datagram-stream': host('outgoing-datagram-stream'),
    },
    functions: {
      ...methods('udp-socket', UDP),
      ...methods('incoming-datagram-stream', ['receive', 'subscribe']),
      ...methods('outgoing-datagram-stream', ['check-send', 'send', 'subscribe']),
    },
  },
  create('tcp', TCP_SOCKET),
  create('udp', UDP_SOCKET),
  {
    name: 'wasi:sockets/ip-name-lookup',
    accepts: isPreview2,
    resources: { 'resolve-address-stream': host('resolve-address-stream') },
    functions: {
      'resolve-addresses': {
        type: `func(borrow<network>, string) -> result<own<resolve-address-stream>, ${ERROR_CODE}>`,
        call: () => DENIED,
      },
      ...methods('resolve-address-stream', ['resolve-next-address', 'subscribe']),
    },
  },
];

export const SOCKETS: readonly HostInterface<System>[] = INTERFACES.map((each) => ({ ...each, note: 'opening a socket is denied' }));
