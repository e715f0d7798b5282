import type { Permission } from './model.ts';

export const PERMISSION_RULE = 'There are: clock, random, extension:NAME, extension:*, http:HOST, http:*, proc:read:*.';

const EXTENSION = /^[A-Za-z0-9_.-]{1,200}$/;
const HOST = /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/;

/** Undefined if the text is none. */
export function parsePermission(text: string): Permission | undefined {
  if (text === 'clock' || text === 'random') return { kind: text };
  if (text === 'proc:read:*') return { kind: 'proc:read', target: '*' };
  const [kind, target] = splitOnce(text);
  if (kind === 'extension' && (target === '*' || EXTENSION.test(target))) return { kind, target };
  if (kind === 'http' && (target === '*' || HOST.test(target))) return { kind, target };
  return undefined;
}

export function permissionText(permission: Permission): string {
  return 'target' in permission ? `${permission.kind}:${permission.target}` : permission.kind;
}

/** Whether having `granted` is having `wanted`. */
export function covers(granted: Permission, wanted: Permission): boolean {
  if (granted.kind !== wanted.kind) return false;
  return !('target' in granted) || granted.target === '*' || granted.target === (wanted as { readonly target?: string }).target;
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
