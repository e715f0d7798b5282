import type { Metrics } from '../../telemetry/metrics.ts';

/** How blobs come from other members: through a door, in pieces over the engine, or from what the engine keeps. */
const WAYS = ['door', 'pieces', 'objects'] as const;
export type WayOfBlobs = (typeof WAYS)[number];

/** Told of what is asked for, and of what comes. */
export interface Transfers {
  /** A blob that was wanted was here already, or came, or did not. */
  wanted(found: 'here' | 'fetched' | 'nowhere'): void;
  /** Bytes, whatever becomes of them. */
  came(way: WayOfBlobs, bytes: number): void;
}

/** Counts them. */
export function transferMetrics(metrics: Metrics): Transfers {
  const blobs = metrics.counter({
    name: 'docket_mesh_blobs_total',
    help: 'Blobs that work needed: those that were here, that were fetched, and that could not be had.',
  });
  const bytes = metrics.counter({
    name: 'docket_mesh_fetched_bytes_total',
    help: 'Bytes of blobs that came from other members, by the way they took.',
  });
  const counts = { here: blobs({ found: 'here' }), fetched: blobs({ found: 'fetched' }), nowhere: blobs({ found: 'nowhere' }) };
  const ways = Object.fromEntries(WAYS.map((way) => [way, bytes({ way })])) as Record<WayOfBlobs, ReturnType<typeof bytes>>;
  return { wanted: (found) => counts[found].add(), came: (way, count) => ways[way].add(count) };
}
