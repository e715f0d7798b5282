import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Manifest, Permission } from '../manifest/model.ts';
import { folded, nameProblem, qualified } from '../manifest/name.ts';
import { permissionText, splitVersion } from '../manifest/permission.ts';
import { parse } from '../manifest/parse.ts';
import type { NamedModule } from '../manifest/row.ts';
import { MOST_MODULE_BYTES } from '../runner/module-bounds.ts';
import type { Store } from '../store/store.ts';
import { MOST_EXTENSIONS } from '../workflow/input.ts';

/**
 * Which modules the extensions of a named module are. A module that imports from `as-fib` and asks for `extension:as-fib` is given the named module of
 * that name in its own namespace; a name with a dot is a full name. What is bound stands in the task by its CID, so that a newer version of an
 * extension makes another task and never changes an old one.
 */

/** Where named modules and their bytes are found: a home, or an agent. */
export interface Shelf {
  /** By reference. Throws `MANIFEST_UNKNOWN`. */
  find(reference: string): Promise<NamedModule> | NamedModule;
  readonly store: Pick<Store, 'read'>;
}

export interface BoundExtension {
  /** What the module imports from. */
  readonly name: string;
  /** Which named module that is: full name and version. */
  readonly of: string;
  readonly module: CID;
}

/**
 * Looks at nothing if the manifest asks for no extension. Whether the extensions are granted was checked. Throws `PERMISSION_DENIED`, `EXTENSION_INVALID`.
 */
export async function bindExtensions(shelf: Shelf, main: NamedModule, manifest: Manifest): Promise<readonly BoundExtension[]> {
  const asked = manifest.permissions.filter((permission) => permission.kind === 'extension');
  if (asked.length === 0) return NONE;
  const caller = `${main.shown}@${main.version}`;
  const { wantedOfOthers } = await import('../sandbox/module/extension.ts');
  const wanted = wantedOfOthers((await declarations(shelf, main.module)).imports);
  if (wanted.size > MOST_EXTENSIONS)
    throw new DocketError('EXTENSION_INVALID', `${caller} imports from ${wanted.size} modules, ${MOST_EXTENSIONS} are allowed`);
  const namespace = main.shown.slice(0, main.shown.lastIndexOf('.'));
  const bound: BoundExtension[] = [];
  for (const [name, imports] of wanted) {
    const found = await find(shelf, targetOf(name, { asked, namespace, caller }), caller);
    bound.push({ name, of: `${found.shown}@${found.version}`, module: found.module });
    await checkFit(shelf, found, { caller, imports });
  }
  return bound;
}

const NONE: readonly BoundExtension[] = [];

/** As a task's input has them; nothing if there are none. */
export function extensionsInput(bound: readonly BoundExtension[]): Readonly<Record<string, CID>> {
  return Object.fromEntries(bound.map(({ name, module }) => [name, module]));
}

/** As they are shown to people and programs. */
export function extensionsDocument(bound: readonly BoundExtension[]): Record<string, { readonly name: string; readonly module: string }> {
  return Object.fromEntries(bound.map(({ name, of, module }) => [name, { name: of, module: module.toString() }]));
}

async function find(shelf: Shelf, target: string, caller: string): Promise<NamedModule> {
  try {
    return await shelf.find(target);
  } catch (error) {
    if (!isDocketError(error, 'MANIFEST_UNKNOWN')) throw error;
    throw new DocketError('EXTENSION_INVALID', `${caller} uses the extension ${target}: ${error.message}`, {
      next: 'Push the extension too, as any named module.',
      details: { extension: target },
    });
  }
}

type Imports = Parameters<typeof import('../sandbox/module/extension.ts').extensionProblems>[0];

interface Asking {
  readonly asked: readonly (Permission & { readonly kind: 'extension' })[];
  readonly namespace: string;
  readonly caller: string;
}

/** The reference that an import's module name stands for. */
function targetOf(name: string, { asked, namespace, caller }: Asking): string {
  const full = qualified(name, namespace);
  const fitting = asked.find(({ target }) => target !== '*' && folded(qualified(splitVersion(target)[0], namespace)) === folded(full));
  const isFine = nameProblem(full) === undefined;
  if (isFine && fitting !== undefined) {
    const [, version] = splitVersion(fitting.target);
    return version === undefined ? full : `${full}@${version}`;
  }
  if (isFine && asked.some(({ target }) => target === '*')) return full;
  throw new DocketError('EXTENSION_INVALID', `${caller} imports from "${name.slice(0, 100)}", which its manifest does not ask for`, {
    next: isFine
      ? `Add "extension:${name}" to required_permissions, in a new version.`
      : 'This cannot be the name of a module; build it anew.',
  });
}

async function checkFit(
  shelf: Shelf,
  extension: NamedModule,
  { caller, imports }: { readonly caller: string; readonly imports: Imports },
): Promise<void> {
  const shown = `${extension.shown}@${extension.version}`;
  const text = Buffer.from(await shelf.store.read(extension.manifest)).toString();
  const [own] = parse(text, `${extension.shown}.toml`).permissions;
  if (own !== undefined)
    throw new DocketError(
      'PERMISSION_DENIED',
      `${shown} asks for ${permissionText(own)} itself, so it cannot be an extension of ${caller}`,
      {
        next: 'An extension has what the module has that uses it, and asks for nothing.',
        details: { permission: permissionText(own), extension: extension.shown },
      },
    );
  const { extensionProblems } = await import('../sandbox/module/extension.ts');
  const problems = extensionProblems(imports, await declarations(shelf, extension.module));
  if (problems.length > 0)
    throw new DocketError('EXTENSION_INVALID', `${shown} is no extension for ${caller}: it ${problems.slice(0, MOST_TOLD).join('; ')}`, {
      details: { extension: extension.shown },
    });
}

const MOST_TOLD = 5;

/** What a module declares. It was checked when it was named; it is decoded again, since what is kept of that is only that it was done. */
async function declarations({ store }: Shelf, module: CID) {
  const { inspect } = await import('../sandbox/module/inspect.ts');
  return inspect(await store.read(module, { limit: MOST_MODULE_BYTES }));
}
