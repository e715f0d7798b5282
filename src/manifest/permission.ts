import type { Permission } from './model.ts';
import { folded } from './name.ts';
import { isSelector } from './reference.ts';

export const PERMISSION_RULE = 'There are: clock, random, extension:NAME[@VERSION], extension:*, http:HOST, http:*, proc:read:*.';

const EXTENSION = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,198}[A-Za-z0-9])?$/;
const HOST = /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/;

/** Undefined if the text is none. */
export function parsePermission(text: string): Permission | undefined {
  if (text === 'clock' || text === 'random') return { kind: text };
  if (text === 'proc:read:*') return { kind: 'proc:read', target: '*' };
  const [kind, target] = splitOnce(text);
  if (kind === 'extension' && (target === '*' || isExtension(target))) return { kind, target };
  if (kind === 'http' && (target === '*' || HOST.test(target))) return { kind, target };
  return undefined;
}

export function permissionText(permission: Permission): string {
  return 'target' in permission ? `${permission.kind}:${permission.target}` : permission.kind;
}

/** Whether having `granted` is having `wanted`. An extension that is granted without a version is granted in every version. */
export function covers(granted: Permission, wanted: Permission): boolean {
  if (granted.kind !== wanted.kind) return false;
  if (!('target' in granted) || granted.target === '*') return true;
  const { target } = wanted as { readonly target: string };
  if (granted.kind !== 'extension') return granted.target === target;
  const [name, version] = splitVersion(granted.target);
  const [wantedName, wantedVersion] = splitVersion(target);
  return folded(name) === folded(wantedName) && (version === undefined || version === wantedVersion);
}

function isExtension(target: string): boolean {
  const [name, version] = splitVersion(target);
  return EXTENSION.test(name) && (version === undefined || isSelector(version));
}

/** Behind the `@`, if there is one. */
export function splitVersion(target: string): [name: string, version: string | undefined] {
  const at = target.indexOf('@');
  return at < 0 ? [target, undefined] : [target.slice(0, at), target.slice(at + 1)];
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
