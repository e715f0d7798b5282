import { availableParallelism } from 'node:os';
import type { z } from 'zod';
import { DEFAULT_HOST, MOST_JOBS, MOST_RUNS } from '../agent.ts';
import { DEFAULT_PORT } from '../http-server.ts';
import { formatSize } from '../../base/units.ts';
import { allOps } from '../op-policy.ts';
import { MOST_RESOURCE } from '../resources/resources.ts';
import {
  Agreeing,
  Count,
  Duration,
  FetchHosts,
  Flag,
  Gateways,
  HostNames,
  Hosts,
  Listen,
  MeshAges,
  MeshName,
  MeshSizes,
  Ops,
  Origins,
  Path,
  PeerSettings,
  Permissions,
  Port,
  Replicas,
  Scopes,
  Share,
  Servers,
  Size,
  Tags,
  Text,
  Trusting,
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
  memory: {
    shape: 'text',
    schema: Size,
    value: 'SIZE',
    help: 'memory that tasks may need together, where they say what they need',
    preset: 'all of the machine’s',
  },
  mesh: {
    shape: 'list',
    schema: Servers,
    value: 'nats://HOST:4222',
    help: 'share work, results and bytes with the other agents on this nats-server; several servers of one cluster are joined by commas',
    preset: 'none: alone',
  },
  'mesh-name': {
    shape: 'text',
    schema: MeshName,
    value: 'NAME',
    help: 'which mesh there: several on one server do not hear each other',
    preset: 'docket',
  },
  creds: { shape: 'path', schema: Path, value: 'FILE', help: 'show the mesh who this is by a NATS credentials file', preset: 'none' },
  nkey: {
    shape: 'path',
    schema: Path,
    value: 'FILE',
    help: 'show the mesh who this is by the seed of an nkey in this file',
    preset: 'none',
  },
  'mesh-login': {
    shape: 'path',
    schema: Path,
    value: 'FILE',
    help: 'show the mesh who this is by USER:PASSWORD, or a token, in this file',
    preset: 'none',
  },
  'mesh-tls-ca': {
    shape: 'path',
    schema: Path,
    value: 'FILE',
    help: 'trust the server of the mesh by this authority (PEM)',
    preset: 'those of the system',
  },
  'mesh-tls-cert': {
    shape: 'path',
    schema: Path,
    value: 'FILE',
    help: 'show the server of the mesh this certificate (PEM)',
    preset: 'none',
  },
  'mesh-tls-key': { shape: 'path', schema: Path, value: 'FILE', help: 'the key of that certificate (PEM)', preset: 'none' },
  'mesh-listen': {
    shape: 'text',
    schema: Listen,
    value: 'HOST:PORT',
    help: 'where other members fetch what this agent holds; they are told a key for it over the mesh',
    preset: 'the address by which the mesh is reached, any port',
  },
  'mesh-advertise': {
    shape: 'list',
    schema: Hosts,
    value: 'HOST',
    help: 'tell other members to come to these names or addresses instead, as behind a router',
    preset: 'where it listens',
  },
  'mesh-replicas': {
    shape: 'number',
    schema: Replicas,
    value: 'N',
    help: 'copies the servers keep of what the mesh files',
    preset: '3 on three servers or more, else 1',
  },
  'mesh-size': {
    shape: 'pairs',
    schema: MeshSizes,
    value: 'WHAT=SIZE',
    help: 'what records, results, journals and objects may take up on each server, when they are made there',
    preset: 'see docs/mesh-nats.md',
  },
  'mesh-keep': {
    shape: 'pairs',
    schema: MeshAges,
    value: 'WHAT=DURATION',
    help: 'how long results, journals and objects are kept there, when they are made',
    preset: 'see docs/mesh-nats.md',
  },
  trust: {
    shape: 'text',
    schema: Trusting,
    value: 'MODE',
    help: 'whose results in the mesh are believed: members, or listed for those of `docket trust add` only',
    preset: 'members',
  },
  agree: {
    shape: 'text',
    schema: Agreeing,
    value: 'K/N',
    help: 'in a mesh, count a pure task as done when K different agents agree on its output, of N at most',
    preset: 'whoever runs it is enough',
  },
  'spot-check': {
    shape: 'text',
    schema: Share,
    value: 'SHARE',
    help: 'run this share of the tasks whose results others have here too, and compare: 1%',
    preset: '0%',
  },
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
