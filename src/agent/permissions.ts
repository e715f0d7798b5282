import { DocketError } from '../errors.ts';
import type { Manifest, Permission } from '../manifest/model.ts';
import { folded, qualified } from '../manifest/name.ts';
import { permissionText } from '../manifest/permission.ts';
import { GRANTS } from '../workflow/grants.ts';

/** What can be given. */
const KINDS: ReadonlySet<string> = new Set([...GRANTS, 'extension']);

interface Terms {
  readonly isGranted: (permission: Permission) => boolean;
  /** What gives a permission, for those who trust the module. */
  readonly advice: (permission: string) => string;
}

/** Refuses a module that asks for what it is not given, or what there is no giving yet. Throws `PERMISSION_DENIED`. */
export function requireGranted(
  name: string,
  { permissions, namespace }: Pick<Manifest, 'permissions' | 'namespace'>,
  { isGranted, advice }: Terms,
): void {
  for (const permission of permissions) {
    const text = permissionText(permission);
    const isKnown = KINDS.has(permission.kind);
    if (isKnown && spellings(permission, namespace).some(isGranted)) continue;
    throw new DocketError(
      'PERMISSION_DENIED',
      `${name} asks for ${text}, which ${isKnown ? 'it was not given' : 'Docket gives nobody yet'}`,
      {
        next: isKnown ? advice(text) : 'It cannot be run.',
        details: { permission: text },
      },
    );
  }
}

/** The names an extension may be granted by: as it is asked for, in full, and without the namespace where that is the module's own. */
function spellings(permission: Permission, namespace: string): readonly Permission[] {
  if (permission.kind !== 'extension' || permission.target === '*') return [permission];
  const full = qualified(permission.target, namespace);
  const isOwn = folded(full).startsWith(`${folded(namespace)}.`);
  const short = isOwn ? [full.slice(namespace.length + 1)].filter((name) => !name.split('@', 1)[0]!.includes('.')) : [];
  return [full, ...short].map((target) => ({ kind: 'extension', target }));
}
