import { once } from 'node:events';
import { Agent, type AgentOptions } from '../../agent/agent.ts';
import { type Scope, SCOPES } from '../../protocol/rights.ts';
import { didYouMean } from '../../base/suggest.ts';
import { parseDuration } from '../../base/units.ts';
import * as Home from '../../ledger/home.ts';
import type { Permission } from '../../manifest/model.ts';
import { parsePermission, PERMISSION_RULE } from '../../manifest/permission.ts';
import type { Call, Command } from '../command.ts';
import { suspendInOrder } from '../open-engine.ts';
import { tracingOf } from '../otlp.ts';
import { count, measured } from '../option-values.ts';

const DRAIN = 30_000;

export const command: Command = {
  summary: 'Offer a home over HTTP: named modules, blobs and jobs.',
  usage: '[--listen HOST:PORT] [--slots N] [--anonymous SCOPES] [--allow PERMISSIONS]',
  options: {
    listen: { type: 'value', value: 'HOST:PORT', help: 'where to listen (default 127.0.0.1:8100, or any free port if that is taken)' },
    host: { type: 'value', value: 'NAME', many: true, help: 'a name requests may call the agent by, beside its address' },
    slots: { type: 'value', value: 'N', help: 'run at most N tasks at a time (default: number of processors)' },
    anonymous: {
      type: 'value',
      value: 'SCOPES',
      help: 'what needs no token: read, run, write, admin, joined by commas (default: nothing)',
    },
    allow: {
      type: 'value',
      value: 'PERMISSIONS',
      help: 'what modules get if their manifests ask: clock, random, extension:NAME (default: nothing)',
    },
    otlp: {
      type: 'value',
      value: 'URL',
      help: 'send traces of runs to this OpenTelemetry collector, over HTTP (default: OTEL_EXPORTER_OTLP_ENDPOINT, else nowhere)',
    },
    drain: { type: 'value', value: 'DURATION', help: 'how long requests under way may take when the agent is told to stop (default 30s)' },
  },
  help: `
Requests bring the token that stands in the file \`token\` of the home: \`Authorization: Bearer TOKEN\`. The API is described at /openapi.json.
SIGTERM and Ctrl-C stop the agent in order: no new requests, those under way get their time. What happens is told on stderr, one JSON object a line.

Example:
  docket agent --listen 127.0.0.1:8100 &
  curl -H "Authorization: Bearer $(cat ~/.local/share/docket/token)" --data-binary @input.txt \\
    http://127.0.0.1:8100/v1/jobs/org.example.count-words/run`,
  async run(call) {
    const drain = measured(call, 'drain', parseDuration, '30s') ?? DRAIN;
    const slots = count(call, 'slots');
    await using agent = await Agent.start({
      home: Home.locate({ home: call.value('home'), env: call.env }),
      ...(slots === undefined ? {} : { slots }),
      ...parseListen(call),
      names: call.values('host'),
      anonymous: parseScopes(call),
      policy: parsePolicy(call),
      tracing: tracingOf(call),
    });
    suspendInOrder(agent.engine);
    const { stderr } = call.streams;
    const log = (event: string, more: Readonly<Record<string, unknown>> = {}): void =>
      void stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...more })}\n`);
    log('listening', {
      url: agent.url,
      home: agent.engine.paths.home,
      did: agent.engine.key.did,
      slots: agent.engine.slotCount,
      pid: process.pid,
    });
    const resumed = await agent.resume((run, error) => log('not resumed', { run, error: (error as Error).message }));
    for (const run of resumed) log('resumed', { run });
    if (!call.signal.aborted) await once(call.signal, 'abort');
    log('stopping', { drain });
    await agent.drain(drain);
    log('stopped');
    return 0;
  },
};

function parseListen(call: Call): Pick<AgentOptions, 'host' | 'port'> {
  const text = call.value('listen');
  if (text === undefined) return {};
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw call.usage(`--listen takes HOST:PORT, such as 127.0.0.1:8100, not "${text}"`);
  return { host, port: Number(port) };
}

function parseScopes(call: Call): Scope[] {
  return listOf(call, 'anonymous').map((name) => {
    const scope = SCOPES.find((known) => known === name);
    if (scope === undefined) throw call.usage(`there is no scope "${name}"${didYouMean(name, SCOPES)}`, `There are: ${SCOPES.join(', ')}.`);
    return scope;
  });
}

function parsePolicy(call: Call): Permission[] {
  return listOf(call, 'allow').map((name) => {
    const permission = parsePermission(name);
    if (permission === undefined) throw call.usage(`there is no permission "${name}"`, PERMISSION_RULE);
    return permission;
  });
}

function listOf(call: Call, name: string): string[] {
  return call.value(name)?.split(',') ?? [];
}
