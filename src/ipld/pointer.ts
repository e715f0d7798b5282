import { type Ipld, isList, isMap } from './value.ts';

/** JSON pointers (RFC 6901) into IPLD values. */

/** The parts of a pointer, unescaped; none of the empty pointer, which means the whole. */
export function partsOf(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The pointer made of these parts. */
export function pointerOf(parts: readonly string[]): string {
  return parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What stands under one part of a pointer, or why nothing does. */
export function step(value: Ipld, part: string): { readonly value: Ipld } | { readonly problem: string } {
  if (isList(value) && /^(0|[1-9][0-9]*)$/.test(part) && Number(part) < value.length) return { value: value[Number(part)]! };
  if (isMap(value) && Object.hasOwn(value, part)) return { value: value[part]! };
  return { problem: `there is no "${part}"${isMap(value) ? ` (there are: ${Object.keys(value).slice(0, 10).join(', ')})` : ''}` };
}

/** What stands under all of them, one below the other. */
export function descend(value: Ipld, parts: readonly string[]): { readonly value: Ipld } | { readonly problem: string } {
  let found = value;
  for (const part of parts) {
    const next = step(found, part);
    if ('problem' in next) return next;
    found = next.value;
  }
  return { value: found };
}
