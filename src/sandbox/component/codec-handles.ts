import type { WitType } from '../wit/model.ts';
import type { Codec, CoreValue } from './codec.ts';
import type { ResourceType } from './handles.ts';
import { VALUE_WEIGHT } from './meter.ts';
import type { Passage } from './region.ts';

/** Handles of resources: an index into the table of the instance, for what stands for the resource. */
export function handleOf(kind: 'own' | 'borrow', resource: ResourceType): Codec {
  const type: WitType = { kind, resource: resource.name };
  const take = ({ region, scope }: Passage, handle: number): unknown =>
    kind === 'own' ? region.handles.give(handle, resource) : region.handles.lend(handle, resource, scope);
  const give = ({ region, scope }: Passage, rep: unknown): number => {
    if (kind === 'own') return region.handles.add(resource, rep);
    // Who defines a resource is given what stands for it.
    return resource.definer === region.instance ? (rep as number) : region.handles.add(resource, rep, scope);
  };
  return {
    type,
    size: 4,
    align: 4,
    depth: 1,
    weight: VALUE_WEIGHT,
    items: 1,
    flat: ['i32'],
    load: (pass, at) => take(pass, pass.region.view.getUint32(at, true)),
    store: (pass, rep, at) => {
      const handle = give(pass, rep);
      pass.region.view.setUint32(at, handle, true);
    },
    lift: (pass, from) => take(pass, from.next() as number),
    lower: (pass, rep, into: CoreValue[]) => void into.push(give(pass, rep) | 0),
  };
}
