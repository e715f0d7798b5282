import { DocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import type { ManifestRow, NamedModule } from '../manifest/row.ts';
import type { Manifest, ReadManifest } from '../manifest/model.ts';
import { nameKey, shownName } from '../manifest/name.ts';
import { parse } from '../manifest/parse.ts';
import type { Reference } from '../manifest/reference.ts';
import { stringify } from '../manifest/stringify.ts';
import { canonicalVersion, chooseVersion, newestFirst } from '../manifest/version.ts';
import { didYouMean, listNames } from '../base/suggest.ts';
import { toMeta } from '../workflow/limits.ts';
import type { Engine } from './engine.ts';
import { checkModule } from './module-check.ts';

/** Modules by name. A version, once it has its module, stays as it is for good; which one a bare name means moves with the newest. */

/** Names a manifest and, if given, its module. The same again changes nothing. Throws `MANIFEST_EXISTS`, `LIMIT_REFUSED`, `MODULE_INVALID`. */
export async function push(engine: Engine, manifest: Manifest, module?: Cid.CID): Promise<ManifestRow> {
  toMeta(manifest.limits);
  const shown = shownName(manifest.namespace, manifest.name);
  const name = nameKey(shown);
  const version = canonicalVersion(manifest.version)!;
  if (module !== undefined) await checkModule(engine, module, manifest.binary);
  const before = engine.ledger.manifest(name, version);
  const text = await engine.store.put(Buffer.from(stringify(manifest)));
  // Looked at before, lest a push that fails bring back a version that was removed.
  if (before?.module != null && module !== undefined && !before.module.equals(module)) throw exists(before, 'the module');
  await engine.ledger.commit([
    { kind: 'manifest', name, shown, version, written: manifest.version, manifest: text.cid, at: engine.clock.now() },
    ...(module === undefined ? [] : [{ kind: 'manifest-module', name, version, manifest: text.cid, module } as const]),
  ]);
  const row = engine.ledger.manifest(name, version)!;
  if (!row.manifest.equals(text.cid)) throw exists(row, 'the manifest');
  if (module !== undefined && row.module?.equals(module) !== true) throw exists(row, 'the module');
  return row;
}

/** Gives a named manifest its module. Throws `MANIFEST_UNKNOWN`, `MANIFEST_EXISTS` if it has another, `MODULE_INVALID`. */
export async function attach(engine: Engine, name: string, version: string, module: Cid.CID): Promise<NamedModule> {
  const key = nameKey(name);
  const canonical = canonicalVersion(version);
  const before = canonical === undefined ? undefined : engine.ledger.manifest(key, canonical);
  if (before === undefined || before.isRemoved) throw unknown(engine, { name, key, selector: { kind: 'version', version } });
  await checkModule(engine, module, `the module of ${before.shown}`);
  await engine.ledger.commit([{ kind: 'manifest-module', name: key, version: before.version, manifest: before.manifest, module }]);
  const row = engine.ledger.manifest(key, before.version);
  if (row?.module == null || !row.module.equals(module)) throw exists(row ?? before, 'the module');
  return { ...row, module: row.module };
}

/** The version a reference means, among those that have their module. Throws `MANIFEST_UNKNOWN`. */
export function find(engine: Engine, reference: Reference): NamedModule {
  const { key, selector } = reference;
  const rows = versionsOf(engine, key);
  const found =
    selector.kind === 'digest'
      ? rows.find(({ manifest, module }) => [manifest, module].some((cid) => Cid.toSri(cid) === selector.sri))
      : byVersion(rows, selector.kind === 'version' ? selector.version : undefined);
  if (found !== undefined) return found;
  throw unknown(engine, reference);
}

/** As `find`, but a version whose module was not sent yet will do if there is no other. Throws `MANIFEST_UNKNOWN`. */
export function findManifest(engine: Engine, reference: Reference): ManifestRow {
  const { key, selector } = reference;
  const rows = engine.ledger.manifests(key);
  const meant = selector.kind === 'version' ? rows.filter(({ version }) => version === canonicalVersion(selector.version)) : rows;
  const waiting = meant.findLast(({ module }) => module === null);
  if (waiting !== undefined && !meant.some(isWhole)) return waiting;
  if (selector.kind !== 'version' || rows.some(isWhole)) return find(engine, reference);
  throw unknown(engine, reference);
}

/** Every version of a name that has its module, the newest first; none if there is no such name. */
export function versionsOf(engine: Engine, key: string): NamedModule[] {
  const rows = engine.ledger.manifests(key).filter(isWhole);
  return newestFirst(rows.map(({ version }) => version)).map((version) => rows.find((row) => row.version === version)!);
}

/** The newest version of every name. */
export function list(engine: Engine): { readonly latest: NamedModule; readonly versions: number }[] {
  const names = new Set(engine.ledger.manifests().map(({ name }) => name));
  return [...names].flatMap((name) => {
    const rows = versionsOf(engine, name);
    const latest = byVersion(rows, undefined);
    return latest === undefined ? [] : [{ latest, versions: rows.length }];
  });
}

/** Longer ones are parsed each time, so that what is remembered stays within some megabytes. */
const MOST_REMEMBERED = 8192;

/** Throws what `Store.read` throws. */
export async function read(engine: Engine, { manifest: cid, shown }: ManifestRow): Promise<ReadManifest> {
  const name = Cid.toSri(cid);
  const known = engine.manifests.get(name);
  if (known !== undefined) return known;
  const text = Buffer.from(await engine.store.read(cid)).toString();
  const found = { text, manifest: parse(text, `${shown}.toml`) };
  if (text.length <= MOST_REMEMBERED) engine.manifests.set(name, found);
  return found;
}

/** Takes a name away: of one version, or of all there are. Its blobs stay, and the version can come back only as it was. Throws `MANIFEST_UNKNOWN`. */
export async function remove(engine: Engine, reference: Reference): Promise<string[]> {
  const { key, selector } = reference;
  const all = engine.ledger.manifests(key);
  const rows = selector.kind === 'version' ? all.filter(({ version }) => version === canonicalVersion(selector.version)) : all;
  if (rows.length === 0) throw unknown(engine, reference);
  await engine.ledger.commit(rows.map(({ version }) => ({ kind: 'manifest-remove', name: key, version }) as const));
  return rows.map(({ version }) => version);
}

function byVersion(rows: readonly NamedModule[], selector: string | undefined): NamedModule | undefined {
  const version = chooseVersion(
    rows.map((row) => row.version),
    selector,
  );
  return rows.find((row) => row.version === version);
}

function isWhole(row: ManifestRow): row is NamedModule {
  return row.module !== null;
}

function exists({ shown, version, isRemoved }: ManifestRow, what: string): DocketError {
  return new DocketError('MANIFEST_EXISTS', `${shown}@${version} ${isRemoved ? 'was' : 'is'} there already, and ${what} differs`);
}

function unknown(engine: Engine, { name, key, selector }: Reference): DocketError {
  const version = selector.kind === 'version' ? selector.version : undefined;
  const what = selector.kind === 'digest' ? selector.sri : version === undefined ? 'a version' : `version "${version}"`;
  const rows = engine.ledger.manifests();
  const own = rows.filter((row) => row.name === key);
  if (own.length === 0) {
    const names = [...new Set(rows.map(({ shown }) => shown))];
    return new DocketError('MANIFEST_UNKNOWN', `there is no module named "${name}"${didYouMean(name, names)}`, { details: { name } });
  }
  const meant = version === undefined ? own : own.filter((row) => row.version === canonicalVersion(version));
  const isWaiting = meant.length > 0 && meant.every((row) => row.module === null);
  const why = isWaiting ? ': its module was not sent yet' : `; there are: ${listNames(own.map((row) => row.version))}`;
  return new DocketError('MANIFEST_UNKNOWN', `${own[0]!.shown} has not ${what}${why}`, { details: { name } });
}
