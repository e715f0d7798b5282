import { didYouMean } from '../base/suggest.ts';
import { parseDuration, parseSize } from '../base/units.ts';
import { DocketError, isDocketError } from '../errors.ts';
import { integer } from '../ipld/value.ts';
import type { Permission } from '../manifest/model.ts';
import type { Reference } from '../manifest/reference.ts';
import { type Limits, NO_FUEL, toMeta } from '../workflow/limits.ts';
import { GRANTS } from '../workflow/grants.ts';
import type { Call } from './command.ts';
import { measured, pairs } from './option-values.ts';

/** The words and options of `docket exec`, checked before anything is opened. */
export interface ExecCall {
  /** Whether it is a path or a name is seen at `reference`. */
  readonly module: string;
  readonly reference: Reference | undefined;
  readonly dirs: readonly Mount[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | undefined;
  readonly grants: readonly string[];
  /** All that was granted: the grants, and extensions. */
  readonly permissions: readonly Permission[];
  readonly limits: Partial<Limits>;
}

interface Mount {
  readonly host: string;
  /** Relative to the guest's root; `.` is the root itself. */
  readonly guest: string;
}

/** Throws `USAGE`, `LIMIT_REFUSED`. */
export async function parseExecCall(call: Call): Promise<ExecCall> {
  const module = call.words[0]!;
  const reference = isPath(module) ? undefined : await parseName(call, module);
  return {
    module,
    reference,
    dirs: parseDirs(call),
    env: pairs(call, 'env'),
    stdin: parseStdin(call, reference !== undefined),
    ...(await parseGrants(call, reference !== undefined)),
    limits: parseLimits(call),
  };
}

/** Whether a word is the path of a module, not the name of one. A digest may hold a slash too. */
export function isPath(word: string): boolean {
  return !/^[^/]*@sha256-/.test(word) && (word.includes('/') || word.endsWith('.wasm'));
}

/** Throws `USAGE`. */
export async function parseName(call: Call, word: string): Promise<Reference> {
  if (!word.includes('.')) {
    throw call.usage(
      `"${word}" is neither the path of a module nor a full name`,
      `A path holds a slash or ends in .wasm: try ./${word}. A name has its namespace: sh.example.${word}`,
    );
  }
  // Loaded only here: it brings the rules of versions.
  const { parseReference } = await import('../manifest/reference.ts');
  return parseReference(word);
}

/** A named module gets what is piped to us, since that is what it is called for; a path is given its stdin by name. */
function parseStdin(call: Call, isNamed: boolean): string | undefined {
  const option = call.value('stdin');
  const word = call.words[1];
  if (word === undefined)
    return option ?? (isNamed && !('isTTY' in call.streams.stdin && call.streams.stdin.isTTY === true) ? '-' : undefined);
  if (!isNamed) throw call.usage(`takes no "${word}"`, 'Arguments of the program stand after `--`: docket exec MODULE.wasm -- ARGS');
  if (option !== undefined) throw call.usage(`"${word}" and --stdin are both to be stdin`, 'Arguments of the program stand after `--`.');
  return word;
}

function parseDirs(call: Call): Mount[] {
  const mounts = call.values('dir').map((text) => parseDir(call, text));
  const twice = mounts.find(({ guest }, i) => mounts.findIndex((other) => other.guest === guest) < i);
  if (twice !== undefined)
    throw call.usage(`two --dir stand at ${twice.guest} for the guest`, `Say where else: --dir ${twice.host}::/other`);
  return mounts;
}

/** Without a guest path the folder stands where it does on the host, below the guest's root. */
function parseDir(call: Call, text: string): Mount {
  const at = text.indexOf('::');
  const host = at < 0 ? text : text.slice(0, at);
  const parts = (at < 0 ? text : text.slice(at + 2)).split('/').filter((part) => part !== '' && part !== '.');
  if (host === '') throw call.usage(`--dir ${text} names no folder`);
  if (parts.includes('..'))
    throw call.usage(`--dir ${text}: a guest path must be inside its root`, `Say where it stands for the guest: --dir ${host}::/data`);
  return { host, guest: parts.length === 0 ? '.' : parts.join('/') };
}

async function parseGrants(call: Call, isNamed: boolean): Promise<Pick<ExecCall, 'grants' | 'permissions'>> {
  const words = call.values('grant').flatMap((list) => list.split(','));
  const permissions: Permission[] = [];
  for (const word of words) {
    const grant = GRANTS.find((known) => known === word);
    permissions.push(grant === undefined ? await parseExtension(call, word, isNamed) : { kind: grant });
  }
  return { permissions, grants: words.filter((word) => GRANTS.some((grant) => grant === word)) };
}

async function parseExtension(call: Call, word: string, isNamed: boolean): Promise<Permission> {
  // Loaded only here: it brings the rules of versions.
  const permission = word.startsWith('extension:') ? (await import('../manifest/permission.ts')).parsePermission(word) : undefined;
  if (permission === undefined)
    throw call.usage(`there is no grant "${word}"${didYouMean(word, GRANTS)}`, `There are: ${GRANTS.join(', ')}, extension:NAME.`);
  if (!isNamed) throw call.usage(`--grant ${word}: extensions are for modules that have a name`, '`docket manifest push` gives names.');
  return permission;
}

function parseLimits(call: Call): Partial<Limits> {
  const limits = {
    memory: measured(call, 'memory', parseSize, '64MiB'),
    time: measured(call, 'time', parseDuration, '10s'),
    output: measured(call, 'output', parseSize, '16MiB'),
    openFiles: measured(call, 'open-files', parseCount, '64'),
    fuel: measured(call, 'fuel', parseFuel, '1000000'),
  };
  const given = Object.fromEntries(Object.entries(limits).filter(([, amount]) => amount !== undefined));
  try {
    toMeta(given);
    return given;
  } catch (error) {
    if (!isDocketError(error, 'LIMIT_REFUSED')) throw error;
    const option = error.details['limit'] === 'openFiles' ? 'open-files' : String(error.details['limit']);
    throw new DocketError('LIMIT_REFUSED', `--${option} ${call.value(option)} is out of range`, {
      next: error.next,
      details: error.details,
    });
  }
}

function parseCount(text: string): number | undefined {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}

/** `none` undoes what a manifest says. */
function parseFuel(text: string): number | bigint | undefined {
  if (text === 'none') return NO_FUEL;
  return /^[0-9]{1,20}$/.test(text) ? integer(BigInt(text)) : undefined;
}
