import { join, resolve } from 'node:path';
import { didYouMean } from '../../base/suggest.ts';
import { DocketError } from '../../errors.ts';
import * as Home from '../../ledger/home.ts';
import { type AgentOptions, ALL_ROLES } from '../agent.ts';
import { fetchPolicy } from '../resources/fetch-policy.ts';
import { natsMesh } from '../mesh/nats-join.ts';
import { meshSettings } from './mesh-config.ts';
import { peerAddress } from './peer-values.ts';
import { type ConfigFile, readConfigFile } from './read-config-file.ts';
import { SETTING_NAMES, type SettingName, settingOf, type Values, variableOf } from './settings.ts';

/** What an agent was told, by options, the environment and a file: the first of these that names a setting decides, whole. All are checked all the same. */
export interface Config {
  readonly home: string;
  readonly values: Values;
  /** What was told, as it would stand in a config file. */
  readonly told: Partial<Record<SettingName, unknown>>;
  /** Who told it: `--slots`, `DOCKET_SLOTS`, `agent.toml:3`. */
  readonly origins: Partial<Record<SettingName, string>>;
  /** The config file, if there is one. */
  readonly file: string | undefined;
  readonly warnings: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

interface Sources {
  /** Texts an option was given, or true for one without a value; undefined if it is absent. */
  readonly option: (name: string) => readonly string[] | true | undefined;
  /** The error for an option that is wrong. */
  readonly usage: (message: string) => DocketError;
  readonly env: Env;
  /** What paths are relative to that do not stand in a file. */
  readonly folder: string;
}

/** One value of a setting, from one source. */
interface Told {
  readonly value: unknown;
  readonly origin: string;
  readonly error: (message: string, key?: string) => DocketError;
}

/** Variables of Docket's that are no settings of an agent. */
const OTHER_VARIABLES = ['DOCKET_CONFIG', 'DOCKET_AGENT', 'DOCKET_TOKEN', 'DOCKET_LAUNCHER_FD'];

/** Throws `USAGE` for an option, `CONFIG_INVALID` for what stands elsewhere. */
export function readConfig(sources: Sources): Config {
  const { env, folder } = sources;
  const named = optionText(sources, 'config') ?? (env['DOCKET_CONFIG'] || undefined);
  const file =
    named === undefined
      ? readConfigFile(join(homeOf(sources), 'agent.toml'), { mayBeAbsent: true })
      : readConfigFile(resolve(folder, named), { mayBeAbsent: false });
  if (named === undefined && file?.values.home !== undefined)
    throw new DocketError('CONFIG_INVALID', 'a config file that is found in a home cannot name another', {
      place: file.place('home'),
      next: 'Name the file with --config, or the home with --home or DOCKET_HOME.',
    });
  const values: Record<string, unknown> = {};
  const told: Config['told'] = {};
  const origins: Config['origins'] = {};
  for (const name of SETTING_NAMES) {
    const all = [fromOption(name, sources), fromVariable(name, sources), fromFile(name, file)].filter((one) => one !== undefined);
    const checked = all.map((one) => check(name, one));
    const [first] = all;
    if (first === undefined) continue;
    [values[name], told[name], origins[name]] = [checked[0], first.value, first.origin];
  }
  const home = (values as Values).home ?? Home.locate({ env: { ...env, DOCKET_HOME: undefined } });
  return { home, values, told, origins, file: file?.path, warnings: unknownVariables(env) };
}

/** The options of an agent as it was configured. Throws `TLS_INVALID` for half a certificate, `CONFIG_INVALID` for a token file that cannot be used, and as
 * `meshSettings`. */
export function agentOptions({ home, values }: Config): AgentOptions {
  const { listen, host, slots, anonymous, allow, ops, tag, insecure, rate, peer } = values;
  const [cert, key, maxRuns, maxJobs] = [values['tls-cert'], values['tls-key'], values['max-runs'], values['max-jobs']];
  if ((cert === undefined) !== (key === undefined))
    throw new DocketError('TLS_INVALID', `there is ${cert === undefined ? 'a key and no certificate' : 'a certificate and no key'}`, {
      next: 'Name both: --tls-cert FILE --tls-key FILE.',
    });
  const [homestarPort, origins] = [values['homestar-port'], values['homestar-origin']];
  if (homestarPort === undefined && origins !== undefined)
    throw new DocketError('CONFIG_INVALID', 'there are origins for Homestar’s port, and no port', {
      next: 'Name it too: --homestar-port 1337.',
    });
  const mesh = meshSettings(values);
  const given = {
    ...listen,
    names: host,
    slots,
    anonymous,
    policy: allow,
    ops,
    tags: tag,
    insecure,
    rate,
    maxRuns,
    maxJobs,
    homestar: homestarPort === undefined ? undefined : { port: homestarPort, ...(origins === undefined ? {} : { origins }) },
    peers: peer?.map((one) => peerAddress(one, { insecure: insecure === true })),
    roles: ALL_ROLES.filter((role) => values[role === 'runner' ? 'no-run' : 'no-store'] !== true),
    fetch: {
      policy: fetchPolicy(values.fetch ?? [], values.gateway ?? []),
      gateways: values.gateway ?? [],
      ...(values['max-resource'] === undefined ? {} : { limit: values['max-resource'] }),
    },
    memory: values.memory,
    mesh: mesh === undefined ? undefined : natsMesh(mesh),
    sharing: sharingOf(values),
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
  };
  return { home, ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<AgentOptions>) };
}

/** Throws `CONFIG_INVALID`: without a mesh there is nobody to believe, to agree with or to check. */
function sharingOf(values: Values): AgentOptions['sharing'] {
  const { trust: mode, agree, mesh } = values;
  const spotCheck = values['spot-check'];
  if (mesh === undefined && (mode !== undefined || agree !== undefined || spotCheck !== undefined))
    throw new DocketError('CONFIG_INVALID', 'trust, agree and spot-check are for agents in a mesh', {
      next: 'Name it too: --mesh nats://HOST.',
    });
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(agree === undefined ? {} : { agree }),
    ...(spotCheck === undefined ? {} : { spotCheck }),
  };
}

/** Where a config file is looked for if none is named. */
function homeOf(sources: Sources): string {
  return Home.locate({ home: optionText(sources, 'home'), env: sources.env });
}

function optionText({ option }: Sources, name: string): string | undefined {
  const texts = option(name);
  return texts === undefined || texts === true ? undefined : texts[0];
}

function fromOption(name: SettingName, { option, usage, folder }: Sources): Told | undefined {
  const given = option(name);
  if (given === undefined) return undefined;
  const error = (message: string): DocketError => usage(`--${name} ${message}`);
  return { value: given === true ? true : valueOf(name, given, { folder, error }), origin: `--${name}`, error };
}

/** An empty variable counts as absent, as DOCKET_HOME does. */
function fromVariable(name: SettingName, { env, folder }: Sources): Told | undefined {
  const origin = variableOf(name);
  const text = env[origin];
  if (!text) return undefined;
  const error = (message: string): DocketError => new DocketError('CONFIG_INVALID', `${origin} ${message}`);
  return { value: valueOf(name, [text], { folder, error }), origin, error };
}

function fromFile(name: SettingName, file: ConfigFile | undefined): Told | undefined {
  const value = file?.values[name];
  if (file === undefined || value === undefined) return undefined;
  const { line } = file.place(name);
  const error = (message: string, key: string = name): DocketError =>
    new DocketError('CONFIG_INVALID', `"${name}" ${message}`, { place: { ...file.place(name), ...file.place(key) } });
  return { value, origin: `${file.path}:${line}`, error };
}

/** What a config file would have for these texts. What cannot be is left as text, for the schema to refuse. */
function valueOf(name: SettingName, texts: readonly string[], { folder, error }: Pick<Told, 'error'> & Pick<Sources, 'folder'>): unknown {
  const [text = ''] = texts;
  const parts = (): string[] => texts.flatMap((joined) => joined.split(','));
  switch (settingOf(name).shape) {
    case 'flag':
      if (['true', '1'].includes(text)) return true;
      return ['false', '0'].includes(text) ? false : text;
    case 'number':
      return /^\d{1,15}$/.test(text) ? Number(text) : text;
    case 'path':
      return resolve(folder, text);
    case 'text':
      return text;
    case 'list':
      return parts();
    case 'pairs': {
      const found = new Map<string, string>();
      for (const pair of parts()) {
        const at = pair.indexOf('=');
        if (at < 1) throw error(`takes NAME=VALUE, not "${pair}"`);
        if (found.has(pair.slice(0, at))) throw error(`has "${pair.slice(0, at)}" twice`);
        found.set(pair.slice(0, at), pair.slice(at + 1));
      }
      return Object.fromEntries(found);
    }
  }
}

function check(name: SettingName, { value, error }: Told): unknown {
  const { schema } = settingOf(name);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw error(issue?.message ?? 'is wrong', [name, ...(issue?.path ?? [])].join('/'));
}

/** A variable that is misspelt would be ignored in silence; but others may have variables of this name for their own ends. */
function unknownVariables(env: Env): string[] {
  const known = [...SETTING_NAMES.map(variableOf), ...OTHER_VARIABLES];
  return Object.keys(env)
    .filter((name) => name.startsWith('DOCKET_') && !known.includes(name))
    .map((name) => {
      const near = didYouMean(
        name.slice('DOCKET_'.length),
        known.map((other) => other.slice('DOCKET_'.length)),
      ).replace('"', '"DOCKET_');
      return `the environment variable ${name} is not known${near}`;
    });
}
