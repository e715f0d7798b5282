import { once } from '../../base/once.ts';
import { isMap, type Ipld } from '../../ipld/value.ts';
import type { Offered } from '../../protocol/peers.ts';
import { firstOf, INVALID_PARAMS, RpcError, unknownMethod } from './json-rpc.ts';
import { metricFamilies } from './metrics.ts';
import { nodeInfo } from './node-info.ts';
import { openRpcDocument } from './openrpc.ts';

/** What can be asked for over HTTP as over a WebSocket. Each gives JSON. */

export type Method = (params: Ipld | undefined) => Promise<string>;

export interface MethodOptions {
  readonly services: Offered;
  /** `host:port` of this door. */
  readonly doors: () => readonly string[];
}

export function methodsOf({ services, doors }: MethodOptions): ReadonlyMap<string, Method> {
  const document = once(() => JSON.stringify(JSON.stringify(openRpcDocument(services.status().version))));
  return new Map<string, Method>([
    ['health', async () => JSON.stringify({ healthy: (await services.obstacles()).length === 0 })],
    ['metrics', async (params) => JSON.stringify({ metrics: metricFamilies(await services.metrics(), prefixOf(params)) })],
    [
      'node',
      async () => {
        const { did, address } = services.status();
        const { present } = await services.peers.list({ hops: 0, signal: new AbortController().signal });
        return JSON.stringify(nodeInfo(did, [address], doors(), present));
      },
    ],
    ['rpc_discover', async () => document()],
  ]);
}

export function methodNamed(methods: ReadonlyMap<string, Method>, name: string): Method {
  const method = methods.get(name);
  if (method === undefined) throw unknownMethod(name);
  return method;
}

function prefixOf(params: Ipld | undefined): string {
  const first = firstOf(params);
  if (first === undefined) return '';
  const { prefix = '' } = isMap(first) ? first : { prefix: null };
  if (typeof prefix !== 'string') throw new RpcError(INVALID_PARAMS, 'metrics takes nothing, or {"prefix": TEXT}');
  return prefix;
}
