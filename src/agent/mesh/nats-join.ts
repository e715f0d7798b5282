import { parseServer } from '../../mesh/nats/server-address.ts';
import { DEFAULT_LIMITS, type StreamLimit, type StreamLimits } from '../../mesh/nats/options.ts';
import { localAddressTo } from './local-address.ts';
import type { MeshOptions } from './mesh-part.ts';
import type { MeshSettings } from './settings.ts';

/** A mesh whose engine is NATS, as it was configured. Its client is loaded when it is joined. */
export function natsMesh(settings: MeshSettings): MeshOptions {
  const { name, servers, credentials, tls, replicas, listen, advertise } = settings;
  const [first] = servers;
  const options = { servers, name, credentials, tls, replicas, limits: limitsOf(settings) };
  return {
    name,
    join: async ({ self, clock, onFault, onMade }) =>
      await (await import('../../mesh/nats/open.ts')).openNatsMesh({ ...options, self, clock, onFault, onMade }),
    reach: async () => {
      const { host, port } = parseServer(first ?? '');
      return await localAddressTo(host, port);
    },
    listen,
    advertise,
  };
}

/** What is not told stays as it is by default. */
function limitsOf({ bytes, ages }: MeshSettings): Partial<StreamLimits> {
  const told = Object.keys({ ...bytes, ...ages }) as (keyof StreamLimits)[];
  return Object.fromEntries(
    told.map((what): [string, StreamLimit] => {
      const preset = DEFAULT_LIMITS[what];
      return [what, { bytes: bytes[what] ?? preset.bytes, age: ages[what] ?? preset.age }];
    }),
  );
}
