import { parse as parseToml, TomlError, type TomlTable, type TomlValue } from 'smol-toml';
import { didYouMean } from '../base/suggest.ts';
import { parseDuration, parseSize } from '../base/units.ts';
import { DocketError, type Place } from '../errors.ts';
import type { Manifest, ManifestLimits, Permission } from './model.ts';
import { NAME_RULE, nameProblem } from './name.ts';
import { parsePermission, PERMISSION_RULE, permissionText } from './permission.ts';
import { canonicalVersion } from './version.ts';

/** Characters of a manifest. */
const LONGEST = 256 * 1024;

const KEYS = [
  'namespace',
  'name',
  'version',
  'binary',
  'description',
  'required_extensions',
  'required_permissions',
  'args',
  'env',
  'limits',
] as const;

/** Of each limit: how a text of it is read, and one that is right. Plain numbers are bytes, milliseconds, files and units of fuel. */
const LIMITS = {
  memory: { as: 'memory', parse: parseSize, example: '"64MiB"' },
  time: { as: 'time', parse: parseDuration, example: '"10s"' },
  output: { as: 'output', parse: parseSize, example: '"16MiB"' },
  open_files: { as: 'openFiles', parse: () => undefined, example: '64' },
  fuel: { as: 'fuel', parse: () => undefined, example: '1000000' },
} as const satisfies Record<string, { as: keyof ManifestLimits; parse: (text: string) => number | undefined; example: string }>;

/**
 * Reads a manifest: Serval's TOML fields, and `args`, `env` and `limits`. Keys that are not known are refused, since a limit could be meant.
 * Whether the limits are in range is for those to say who enforce them. Throws `MANIFEST_INVALID`.
 */
export function parse(text: string, file: string): Manifest {
  if (text.length > LONGEST)
    throw new DocketError('MANIFEST_INVALID', `the manifest is longer than ${LONGEST} characters`, { place: { file } });
  const table = new Table(toml(text, file), '', file);
  table.only(KEYS);
  const manifest: Manifest = {
    namespace: table.text('namespace'),
    name: table.text('name'),
    version: table.text('version'),
    binary: table.text('binary'),
    description: table.text('description'),
    permissions: permissions(table),
    args: table.list('args'),
    env: env(table),
    limits: limits(table),
  };
  check(manifest, table);
  return manifest;
}

function toml(text: string, file: string): TomlTable {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw new DocketError('MANIFEST_INVALID', first, { place: { file, line: error.line, column: error.column } });
  }
}

function check({ namespace, name, version, binary }: Manifest, table: Table): void {
  const full = nameProblem(`${namespace}.${name}`);
  if (full !== undefined) throw table.error(`the name "${namespace}.${name}" ${full}`, NAME_RULE);
  if (name.includes('.')) throw table.error('"name" holds a dot', 'What stands before the last dot is the namespace.');
  if (canonicalVersion(version) === undefined)
    throw table.error(`"version" must be a version such as 1, 1.2 or 1.2.3, not "${version}"`, 'https://semver.org has the rules.');
  if (binary === '') throw table.error('"binary" is empty', 'Name the module, relative to the manifest file.');
}

/** `required_extensions` is the older way to ask for `extension:<name>`. */
function permissions(table: Table): Permission[] {
  const asked = [...table.list('required_permissions'), ...table.list('required_extensions').map((name) => `extension:${name}`)];
  const found = new Map<string, Permission>();
  for (const text of asked) {
    const permission = parsePermission(text);
    if (permission === undefined) throw table.error(`there is no permission "${text}"`, PERMISSION_RULE);
    found.set(permissionText(permission), permission);
  }
  return [...found.keys()].toSorted().map((text) => found.get(text)!);
}

function env(table: Table): Record<string, string> {
  const inner = table.table('env');
  const pairs = inner.keys().map((name): [string, string] => [name, inner.text(name)]);
  const wrong = pairs.find(([name, value]) => name === '' || /[=\0]/.test(name) || value.includes('\0'));
  if (wrong !== undefined)
    throw table.error(`"env" holds a variable that cannot be: ${JSON.stringify(wrong[0])}`, 'Names hold no = and no NUL.');
  return Object.fromEntries(pairs);
}

function limits(table: Table): ManifestLimits {
  const inner = table.table('limits');
  inner.only(Object.keys(LIMITS));
  return Object.fromEntries(
    inner.keys().map((key) => {
      const { as, parse: read, example } = LIMITS[key as keyof typeof LIMITS];
      const value = inner.value(key);
      const amount = typeof value === 'string' ? read(value) : value;
      if (typeof amount !== 'number' || !Number.isSafeInteger(amount) || amount < 0)
        throw table.error(
          `"limits.${key}" must be a value such as ${example}`,
          'Numbers without a unit are bytes, milliseconds, files or units of fuel.',
        );
      return [as, amount];
    }),
  );
}

/** A table of the file, and its place in it for messages. */
class Table {
  readonly #table: TomlTable;
  readonly #prefix: string;
  readonly #place: Place;

  constructor(table: TomlTable, prefix: string, file: string) {
    this.#table = table;
    this.#prefix = prefix;
    this.#place = { file };
  }

  keys(): string[] {
    return Object.keys(this.#table);
  }

  value(key: string): TomlValue | undefined {
    return Object.hasOwn(this.#table, key) ? this.#table[key] : undefined;
  }

  only(known: readonly string[]): void {
    const unknown = this.keys().find((key) => !known.includes(key));
    if (unknown !== undefined)
      throw this.error(`"${this.#prefix}${unknown}" is not known${didYouMean(unknown, known)}`, `There are: ${known.join(', ')}.`);
  }

  text(key: string): string {
    const value = this.value(key);
    if (value === undefined) throw this.error(`"${this.#prefix}${key}" is missing`);
    if (typeof value !== 'string') throw this.error(`"${this.#prefix}${key}" must be text`, `Write it in quotes: ${key} = "…"`);
    return value;
  }

  /** Texts; none if the key is not there. */
  list(key: string): string[] {
    const value = this.value(key) ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
      throw this.error(`"${this.#prefix}${key}" must be a list of texts`, `Write ${key} = ["…", "…"]`);
    return value;
  }

  /** Empty if the key is not there. */
  table(key: string): Table {
    const value = this.value(key) ?? {};
    if (!isTable(value)) throw this.error(`"${this.#prefix}${key}" must be a table`, `Write [${key}] and its entries below.`);
    return new Table(value, `${this.#prefix}${key}.`, this.#place.file!);
  }

  error(message: string, next?: string): DocketError {
    return new DocketError('MANIFEST_INVALID', message, { place: this.#place, ...(next === undefined ? {} : { next }) });
  }
}

/** Dates are objects too. */
function isTable(value: TomlValue): value is TomlTable {
  return Object.prototype.toString.call(value) === '[object Object]' && !(value instanceof Date);
}
