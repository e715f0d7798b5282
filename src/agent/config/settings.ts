import { availableParallelism } from 'node:os';
import type { z } from 'zod';
import { DEFAULT_HOST, MOST_JOBS, MOST_RUNS } from '../agent.ts';
import { DEFAULT_PORT } from '../http-server.ts';
import { formatSize } from '../../base/units.ts';
import { allOps } from '../op-policy.ts';
import { MOST_RESOURCE } from '../resources/resources.ts';
import {
  Count,
  Duration,
  FetchHosts,
  Flag,
  Gateways,
  HostNames,
  Listen,
  Ops,
  Origins,
  Path,
  PeerSettings,
  Permissions,
  Port,
  Scopes,
  Size,
  Tags,
  Text,
} from './values.ts';

/** How a setting is written. As an option and as a variable it is text; in the file it is what TOML has for it. */
export type Shape =
  /** A boolean; an option without a value. */
  | 'flag'
  | 'text'
  /** Relative to the folder of the file it stands in, else to where the command was called. */
  | 'path'
  | 'number'
  /** An array; joined by commas, or the option repeated. */
  | 'list'
  /** A table; `NAME=VALUE` joined by commas, or the option repeated. */
  | 'pairs';

interface Setting {
  readonly shape: Shape;
  readonly schema: z.ZodType;
  /** Placeholder of the value in help. */
  readonly value?: string;
  readonly help: string;
  /** What holds if nothing is said, for people. */
  readonly preset: string;
}

/**
 * Everything that can be told to an agent, once: options of the command, keys of the config file and environment variables are made of this table. The key
 * in the file is the name of the option; the variable is `DOCKET_`, then that name in capitals with `_` for `-`.
 */
export const SETTINGS = {
  home: { shape: 'path', schema: Path, value: 'DIR', help: 'where results are kept', preset: 'the user’s data folder' },
  listen: {
    shape: 'text',
    schema: Listen,
    value: 'HOST:PORT',
    help: 'where to listen; beyond this machine with TLS only, or --insecure',
    preset: `${DEFAULT_HOST}:${DEFAULT_PORT}, or any free port if that is taken`,
  },
  host: {
    shape: 'list',
    schema: HostNames,
    value: 'NAME',
    help: 'a name requests may call the agent by, beside the address it listens on',
    preset: 'none',
  },
  'tls-cert': {
    shape: 'path',
    schema: Path,
    value: 'FILE',
    help: 'speak TLS with this certificate (PEM, the chain behind it)',
    preset: 'clear text',
  },
  'tls-key': { shape: 'path', schema: Path, value: 'FILE', help: 'the key of the certificate (PEM, closed to others)', preset: 'none' },
  insecure: {
    shape: 'flag',
    schema: Flag,
    help: 'listen beyond this machine in clear text, where everybody on the network is trusted',
    preset: 'no',
  },
  anonymous: {
    shape: 'list',
    schema: Scopes,
    value: 'SCOPES',
    help: 'what needs no token, on loopback only: read, run, write, admin, joined by commas',
    preset: 'nothing',
  },
  allow: {
    shape: 'list',
    schema: Permissions,
    value: 'PERMISSIONS',
    help: 'what modules get if their manifests ask: clock, random, extension:NAME',
    preset: 'nothing',
  },
  slots: {
    shape: 'number',
    schema: Count,
    value: 'N',
    help: 'run at most N tasks at a time',
    preset: `number of processors, ${availableParallelism()}`,
  },
  ops: { shape: 'list', schema: Ops, value: 'OPS', help: 'refuse tasks of other ops', preset: allOps().join(', ') },
  tag: { shape: 'pairs', schema: Tags, value: 'NAME=VALUE', help: 'what others may tell this agent by', preset: 'none' },
  rate: { shape: 'number', schema: Count, value: 'N', help: 'take at most N requests a second of each client', preset: 'as many as come' },
  'max-runs': { shape: 'number', schema: Count, value: 'N', help: 'take at most N workflows at a time', preset: String(MOST_RUNS) },
  'max-jobs': { shape: 'number', schema: Count, value: 'N', help: 'run at most N jobs at a time', preset: String(MOST_JOBS) },
  peer: {
    shape: 'list',
    schema: PeerSettings,
    value: 'URL[=TOKENFILE]',
    help: 'another agent to ask for blobs and modules that are not here, with the token in that file; those named first are believed first',
    preset: 'none',
  },
  gateway: {
    shape: 'list',
    schema: Gateways,
    value: 'URL',
    help: 'an IPFS gateway to fetch from what workflows name by CID and is not here; all that it gives is verified',
    preset: 'none',
  },
  fetch: {
    shape: 'list',
    schema: FetchHosts,
    value: 'HOST[:PORT]',
    help: 'a host from which the URLs of workflows may be fetched, without a port from 443 or 80; or public for every one with a public address',
    preset: 'none but gateways',
  },
  'max-resource': { shape: 'text', schema: Size, value: 'SIZE', help: 'fetch nothing that is larger', preset: formatSize(MOST_RESOURCE) },
  'no-run': { shape: 'flag', schema: Flag, help: 'run nothing: jobs and workflows are relayed to a peer that does', preset: 'no' },
  'no-store': {
    shape: 'flag',
    schema: Flag,
    help: 'keep nothing for others: blobs and modules are relayed to a peer that does',
    preset: 'no',
  },
  'homestar-port': {
    shape: 'number',
    schema: Port,
    value: 'PORT',
    help: 'answer Homestar’s clients on this port of loopback, its own is 1337; they bring no token, so whoever is on this machine may run workflows there',
    preset: 'none',
  },
  'homestar-origin': {
    shape: 'list',
    schema: Origins,
    value: 'ORIGINS',
    help: 'let web pages of these origins use that port, * for those of every one',
    preset: 'none',
  },
  otlp: {
    shape: 'text',
    schema: Text,
    value: 'URL',
    help: 'send traces of runs to this OpenTelemetry collector, over HTTP',
    preset: 'OTEL_EXPORTER_OTLP_ENDPOINT, or nowhere',
  },
  drain: {
    shape: 'text',
    schema: Duration,
    value: 'DURATION',
    help: 'how long requests and runs may take when the agent is told to stop',
    preset: '30s',
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof SETTINGS;
export type Values = { readonly [Name in SettingName]?: z.output<(typeof SETTINGS)[Name]['schema']> };

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

export function settingOf(name: SettingName): Setting {
  return SETTINGS[name];
}

export function variableOf(name: string): string {
  return `DOCKET_${name.toUpperCase().replaceAll('-', '_')}`;
}
