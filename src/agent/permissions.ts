import { DocketError } from '../errors.ts';
import type { Permission } from '../manifest/model.ts';
import { permissionText } from '../manifest/permission.ts';
import { GRANTS } from '../workflow/policy.ts';

interface Terms {
  readonly isGranted: (permission: Permission) => boolean;
  /** What gives a permission, for those who trust the module. */
  readonly advice: (permission: string) => string;
}

/** Refuses a module that asks for what it is not given, or what there is no giving yet. Throws `PERMISSION_DENIED`. */
export function requireGranted(name: string, asked: readonly Permission[], { isGranted, advice }: Terms): void {
  for (const permission of asked) {
    const text = permissionText(permission);
    const isKnown = GRANTS.some((grant) => grant === permission.kind);
    if (isKnown && isGranted(permission)) continue;
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
