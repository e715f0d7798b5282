import * as DagJson from '../ipld/dag-json.ts';
import { type Ipld, isLink, isPlain } from '../ipld/value.ts';

/** A view as it crosses the network: DAG-JSON, so that CIDs, bytes and numbers arrive as they were. Fields that are undefined are left out. */
export function encode(view: unknown): string {
  return DagJson.encode(present(view));
}

function present(view: unknown): Ipld {
  if (Array.isArray(view)) return view.map(present);
  if (typeof view !== 'object' || view === null || isLink(view) || !isPlain(view)) return view as Ipld;
  const given = Object.entries(view).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [key, present(value)]));
}
