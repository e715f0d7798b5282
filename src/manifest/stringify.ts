import { stringify as toToml } from 'smol-toml';
import type { Manifest, ManifestLimits } from './model.ts';
import { permissionText } from './permission.ts';

/** As in the file. */
const LIMIT_KEYS: Readonly<Record<keyof ManifestLimits, string>> = {
  memory: 'memory',
  time: 'time',
  output: 'output',
  openFiles: 'open_files',
  fuel: 'fuel',
};

/**
 * A manifest as TOML, the same text for the same manifest: Serval's fields in their order, both of its lists always there, then ours if they say
 * anything. Of `binary` the last part of the path is kept: where it lay on the author's machine is nobody's business.
 */
export function stringify(manifest: Manifest): string {
  const { namespace, name, version, binary, description, permissions, args, env, limits } = manifest;
  const fileName = binary.split(/[/\\]/).at(-1) ?? '';
  const extensions = permissions.flatMap((permission) =>
    permission.kind === 'extension' && permission.target !== '*' ? [permission.target] : [],
  );
  const variables = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const bounds = Object.entries(limits).map(([key, amount]) => [LIMIT_KEYS[key as keyof ManifestLimits], amount as number] as const);
  return toToml({
    name,
    namespace,
    version,
    binary: fileName,
    description,
    required_extensions: extensions,
    required_permissions: permissions.map(permissionText),
    ...(args.length === 0 ? {} : { args: [...args] }),
    ...(variables.length === 0 ? {} : { env: Object.fromEntries(variables) }),
    ...(bounds.length === 0 ? {} : { limits: Object.fromEntries(bounds.toSorted(([a], [b]) => (a < b ? -1 : 1))) }),
  });
}
