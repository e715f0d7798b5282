import { formatSize } from '../../base/units.ts';
import { DocketError } from '../../errors.ts';
import type { StreamLimits } from './options.ts';

/**
 * `MESH_FULL` of a server that has no room for a stream that is to be made, with what all of them take: it promises the whole of a stream's limit at once. `empty`: streams
 * that are there and hold nothing, whose limits would stay as they are.
 */
export function noRoom(limits: StreamLimits, cause: DocketError, empty: readonly string[]): DocketError {
  const all = Object.entries(limits).map(([what, { bytes }]) => `${what} ${formatSize(bytes)}`);
  const message = `nats-server has too little room for the streams of the mesh, and promises each all of its limit when it is made: ${all.join(', ')}, ${formatSize(bytesOf(limits))} together; ${cause.message}`;
  const advice =
    'Give it more (max_file_store, or the disk it stores on), or have the streams be smaller: --mesh-size objects=1GiB,results=256MiB,journals=128MiB.';
  const removal =
    empty.length === 0 ? '' : ` First delete the streams that are there at their old size and hold nothing: ${empty.join(', ')}.`;
  return new DocketError('MESH_FULL', message, { cause, next: `${advice}${removal}` });
}

function bytesOf(limits: StreamLimits): number {
  return Object.values(limits).reduce((sum, { bytes }) => sum + bytes, 0);
}
