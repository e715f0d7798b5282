import type { Tree } from './tree.ts';

/** As many as Linux follows before it gives up. */
const MAX_FOLLOWED = 40;

/**
 * Whether the link at `path` leads to a place inside the tree, existing or not. Links on the way are followed, since
 * `a/../..` means something else where `a` is a link; a way that leaves the tree and comes back counts as leaving.
 * A circle leads nowhere, so not outside.
 */
export function staysInside(tree: Tree, path: string): boolean {
  const place = path.split('/').slice(0, -1);
  const target = linkAt(tree, path);
  if (target === undefined) return true;
  if (target.startsWith('/') || climbsOut(place.length, target)) return false;
  const todo = target.split('/').reverse();
  for (let followed = 0; todo.length > 0;) {
    const part = todo.pop() as string;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (place.pop() === undefined) return false;
      continue;
    }
    place.push(part);
    const next = linkAt(tree, place.join('/'));
    if (next === undefined) continue;
    if (next.startsWith('/')) return false;
    if (++followed === MAX_FOLLOWED) return true;
    place.pop();
    todo.push(...next.split('/').reverse());
  }
  return true;
}

/** Read as text alone, for the parts that do not exist (yet). */
function climbsOut(depth: number, target: string): boolean {
  for (const part of target.split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}

function linkAt(tree: Tree, path: string): string | undefined {
  const entry = Object.hasOwn(tree, path) ? tree[path] : undefined;
  return entry !== undefined && 'link' in entry ? entry.link : undefined;
}
