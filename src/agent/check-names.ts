import { isDocketError } from '../errors.ts';
import type { RawManifest, RawToken } from '../ledger/audit.ts';
import type { Manifest } from '../manifest/model.ts';
import { nameKey, nameProblem, shownName } from '../manifest/name.ts';
import { parse } from '../manifest/parse.ts';
import { canonicalVersion } from '../manifest/version.ts';
import { SCOPES } from '../protocol/rights.ts';
import { toMeta } from '../workflow/limits.ts';
import type { Damage } from '../protocol/checks.ts';
import type { Engine } from './engine.ts';

/** Named modules and tokens as a home keeps them, for `checkHome`. Their rows carry no seals: what can be told is what contradicts itself or something else. */

const NEXT = {
  manifest: 'Push the manifest and its module again; until then the name may not be found, or mean something else.',
  gone: 'Push it again: the same version with the same module mends it.',
  token: 'Revoke it and make another: `docket token revoke ID`.',
} as const;

/** What is wrong with a row of a named module, or with what it names; undefined if nothing is. One that has been removed names nothing any more. */
export async function manifestDamage(engine: Engine, row: RawManifest): Promise<Damage | undefined> {
  const name = `manifest ${row.shown}@${row.version}`;
  const own = rowProblem(row);
  if (own !== undefined) return { name, problem: own, next: NEXT.manifest };
  if (row.isRemoved) return undefined;
  const { manifest: cid, module } = row;
  try {
    const manifest = parse(Buffer.from(await engine.store.read(cid!)).toString(), `${row.shown}.toml`);
    const differs = textProblem(row, manifest);
    if (differs !== undefined) return { name, problem: differs, next: NEXT.manifest };
  } catch (error) {
    if (!isDocketError(error)) throw error;
    return { name, problem: `its text cannot be read: ${error.message}`, next: NEXT.gone };
  }
  if (module === null) return undefined;
  const [gone] = await engine.store.missing([module!]);
  return gone === undefined ? undefined : { name, problem: `its module is gone: ${gone} is not in the store`, next: NEXT.gone };
}

function rowProblem({ name, shown, version, written, manifest, module }: RawManifest): string | undefined {
  if (manifest === undefined) return 'it names its text by what is no CID';
  if (module === undefined) return 'it names its module by what is no CID';
  if (nameProblem(shown) !== undefined || nameKey(shown) !== name) return `it is shown as ${shown}, and looked up as ${name}`;
  return canonicalVersion(written) === version ? undefined : `its version is ${version}, but was written as ${written}`;
}

function textProblem({ shown, written }: RawManifest, { namespace, name, version }: Manifest): string | undefined {
  if (shownName(namespace, name) !== shown) return `its text is that of ${shownName(namespace, name)}`;
  return version === written ? undefined : `its text is that of version ${version}`;
}

/** What is wrong with the row of a token. That another token were let in by a changed hash would take all of its 256 bits. */
export function tokenDamage({ id, hash, rights, created, expires }: RawToken): Damage | undefined {
  const problem =
    hash.length !== HASH
      ? 'what is kept of it is no hash'
      : created < 0 || (expires !== null && expires < created)
        ? 'it expires before it was made'
        : rightsProblem(rights);
  return problem === undefined ? undefined : { name: `token ${id}`, problem, next: NEXT.token };
}

const HASH = 32;

function rightsProblem(text: string): string | undefined {
  let rights: unknown;
  try {
    rights = JSON.parse(text);
  } catch {
    return 'its rights cannot be read';
  }
  if (!isRecord(rights)) return 'its rights are none';
  const { scopes, modules, limits, ...rest } = rights;
  if (Object.keys(rest).length > 0) return `its rights hold the unknown "${Object.keys(rest)[0]}"`;
  if (!Array.isArray(scopes) || !scopes.every((scope) => SCOPES.some((known) => known === scope))) return 'it has scopes there are none of';
  if (modules !== undefined && !(Array.isArray(modules) && modules.every(isKey))) return 'it is for modules whose names cannot be';
  return limits === undefined || isLimits(limits) ? undefined : 'its limits are none';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKey(name: unknown): boolean {
  return typeof name === 'string' && nameProblem(name) === undefined && nameKey(name) === name;
}

function isLimits(limits: unknown): boolean {
  if (!isRecord(limits)) return false;
  try {
    toMeta(limits);
    return true;
  } catch (error) {
    if (isDocketError(error)) return false;
    throw error;
  }
}
