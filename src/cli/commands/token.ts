import type { TokenRecords, TokenView } from '../../protocol/records.ts';
import { type Rights, type Scope, SCOPES } from '../../protocol/rights.ts';
import { didYouMean } from '../../base/suggest.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../base/units.ts';
import type { ManifestLimits } from '../../manifest/model.ts';
import { nameKey } from '../../manifest/name.ts';
import type { Call, Command } from '../command.ts';
import { openDesk } from '../open-desk.ts';
import { jsonLine, table } from '../present.ts';
import { count, measured } from '../option-values.ts';

const VERBS = ['create', 'ls', 'revoke'] as const;

export const command: Command = {
  summary: 'Make tokens that let others do less than everything at an agent.',
  usage: 'create [OPTIONS] | ls | revoke ID',
  words: [1, 2],
  options: {
    scope: { type: 'value', value: 'SCOPES', help: 'create: read, run, write, admin, joined by commas (default: run)' },
    module: { type: 'value', value: 'NAME', many: true, help: 'create: let it run this module, and do nothing else' },
    memory: { type: 'value', value: 'SIZE', help: 'create: what no job of it may exceed' },
    time: { type: 'value', value: 'DURATION', help: 'create: what no job of it may exceed' },
    output: { type: 'value', value: 'SIZE', help: 'create: what no job of it may exceed' },
    'open-files': { type: 'value', value: 'N', help: 'create: what no job of it may exceed' },
    fuel: { type: 'value', value: 'N', help: 'create: what no job of it may exceed' },
    expires: { type: 'value', value: 'DURATION', help: 'create: how long it is good for, as 7d (default: until it is revoked)' },
  },
  help: `
create     print a new token, which is shown this once
ls         what tokens there are
revoke ID  no request with it is answered from now on

read is looking at runs, receipts, manifests and blobs; run is running jobs and workflows and cancelling them; write is storing blobs, naming modules and
deleting runs; admin is everything else. The token in the home's file \`token\` has all of them.

Example:
  docket token create --module org.example.loudify --time 5s --memory 64MiB --expires 30d`,
  async run(call) {
    const [verb, word] = call.words;
    if (!VERBS.some((known) => known === verb)) throw call.usage(`takes ${VERBS.join(', ')}, not "${verb}"${didYouMean(verb!, VERBS)}`);
    if ((verb === 'revoke') !== (word !== undefined))
      throw call.usage(verb === 'revoke' ? 'revoke takes the ID of a token' : `${verb} takes no "${word}"`);
    const rights = parseRights(call);
    const lifetime = measured(call, 'expires', parseDuration, '7d');
    if (lifetime === 0) throw call.usage('--expires 0s would make a token that is over at once');
    if (verb !== 'create' && (lifetime !== undefined || Object.keys(command.options).some((name) => call.values(name).length > 0)))
      throw call.usage(`options go with create, not with ${verb}`);
    await using desk = await openDesk(call, { lookOnly: verb === 'ls' });
    const { tokens } = await desk.records();
    if (verb === 'create') return await create(call, tokens, { rights, lifetime });
    return verb === 'ls' ? await ls(call, tokens) : await revoke(call, tokens, word!);
  },
};

interface Asked {
  readonly rights: Rights;
  /** Milliseconds. */
  readonly lifetime: number | undefined;
}

async function create(call: Call, tokens: TokenRecords, { rights, lifetime }: Asked): Promise<number> {
  const made = await tokens.create(rights, lifetime);
  const { stdout, stderr } = call.streams;
  if (call.flag('json')) stdout.write(jsonLine({ ...document(made), token: made.token }));
  else {
    stdout.write(`${made.token}\n`);
    stderr.write(`it is not shown again; \`docket token revoke ${made.id}\` takes it back\n`);
  }
  return 0;
}

async function ls(call: Call, records: TokenRecords): Promise<number> {
  const tokens = await records.list();
  const { stdout, stderr } = call.streams;
  if (call.flag('json')) stdout.write(jsonLine({ tokens: tokens.map(document) }));
  else if (tokens.length === 0) stderr.write('no tokens but the one in the file `token` of the home\n');
  else {
    const rows = tokens.map(({ id, rights, expires }) => [
      id,
      rights.scopes.join(','),
      rights.modules?.join(', ') ?? '',
      limitsText(rights.limits ?? {}),
      expires === null ? 'never' : `${new Date(expires).toISOString()}${expires <= Date.now() ? ' (over)' : ''}`,
    ]);
    stdout.write(table([['ID', 'SCOPES', 'MODULES', 'LIMITS', 'EXPIRES'], ...rows]));
  }
  return 0;
}

async function revoke(call: Call, tokens: TokenRecords, id: string): Promise<number> {
  await tokens.revoke(id);
  call.streams.stdout.write(call.flag('json') ? jsonLine({ id, revoked: true }) : `token ${id} is revoked\n`);
  return 0;
}

function parseRights(call: Call): Rights {
  const names = call.value('scope')?.split(',') ?? ['run'];
  const unknown = names.find((name) => !SCOPES.some((known) => known === name));
  if (unknown !== undefined)
    throw call.usage(`there is no scope "${unknown}"${didYouMean(unknown, SCOPES)}`, `There are: ${SCOPES.join(', ')}.`);
  const modules = call.values('module').map(nameKey);
  if (modules.length > 0 && names.join(',') !== 'run') throw call.usage('a token for single modules has the scope run and no other');
  const limits = parseLimits(call);
  return {
    scopes: [...new Set(names)] as Scope[],
    ...(modules.length === 0 ? {} : { modules }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

function parseLimits(call: Call): ManifestLimits {
  const limits = {
    memory: measured(call, 'memory', parseSize, '64MiB'),
    time: measured(call, 'time', parseDuration, '10s'),
    output: measured(call, 'output', parseSize, '16MiB'),
    openFiles: count(call, 'open-files'),
    fuel: measured(call, 'fuel', parseUnits, '1000000'),
  };
  return Object.fromEntries(Object.entries(limits).filter(([, amount]) => amount !== undefined));
}

/** Any that JSON can carry exactly. */
function parseUnits(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function limitsText({ memory, time, output, openFiles, fuel }: ManifestLimits): string {
  const parts = [
    memory === undefined ? undefined : `memory ${formatSize(memory)}`,
    time === undefined ? undefined : `time ${formatDuration(time)}`,
    output === undefined ? undefined : `output ${formatSize(output)}`,
    openFiles === undefined ? undefined : `${openFiles} files`,
    fuel === undefined ? undefined : `fuel ${fuel}`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

function document({ id, rights, created, expires }: TokenView): Record<string, unknown> {
  return { id, ...rights, created: new Date(created).toISOString(), expires: expires === null ? null : new Date(expires).toISOString() };
}
