import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type AgentOptions } from '../../agent/agent.ts';
import type { Cause } from '../../agent/tries.ts';
import { agentOptions, type Config, readConfig } from '../../agent/config/config.ts';
import { SETTING_NAMES, settingOf } from '../../agent/config/settings.ts';
import { type DocketError, isDocketError } from '../../errors.ts';
import type { Call, Command, OptionSpec } from '../command.ts';
import { takeHangUps } from '../hang-up.ts';
import { suspendInOrder } from '../open-engine.ts';
import { tracingOf } from '../otlp.ts';

const DRAIN = 30_000;

type Log = (event: string, more?: Readonly<Record<string, unknown>>) => void;

export const command: Command = {
  summary: 'Offer a home over HTTP, alone or in a mesh: workflows, named modules, blobs and jobs.',
  usage:
    '[--config FILE] [--listen HOST:PORT] [--tls-cert FILE --tls-key FILE] [--slots N] [--mesh nats://HOST:4222] [--trust MODE] [--allow PERMISSIONS] …',
  isOfHome: true,
  options: {
    config: { type: 'value', value: 'FILE', help: 'read settings from this TOML file (default: agent.toml in the home, if it is there)' },
    'print-config': { type: 'flag', help: 'print what holds and where it comes from, and start nothing' },
    ...Object.fromEntries(SETTING_NAMES.filter((name) => name !== 'home').map((name) => [name, optionOf(name)])),
  },
  help: `
Each setting can stand in three places: as an option, as an environment variable (--max-runs is DOCKET_MAX_RUNS), and in the config file under the name of
the option (max-runs = 8). Options win over variables, variables over the file. Lists are joined by commas, or arrays in the file.

Requests bring the token that stands in the file \`token\` of the home: \`Authorization: Bearer TOKEN\`. The API is described at /openapi.json.
SIGTERM and Ctrl-C stop the agent in order: no new requests, those under way get their time. SIGHUP has it read its certificate again; without TLS it
stops as well. What happens is told on stderr, one JSON object a line.

With --mesh it shares work, results and bytes with all agents that name the same nats-server and --mesh-name; \`docket agents\` shows them, and
\`docket dev\` starts some on this machine. What shows the server who this is stands in a file: --mesh-login, --nkey or --creds. Whose results are
believed --trust says, and \`docket trust\`; --agree and --spot-check have several agents compute the same and compare. docs/mesh.md says more.

Examples:
  docket agent --listen 127.0.0.1:8100 &
  curl -H "Authorization: Bearer $(cat ~/.local/share/docket/token)" --data-binary @input.txt \\
    http://127.0.0.1:8100/v1/jobs/org.example.count-words/run

  docket agent --listen 127.0.0.1:8200 --home /srv/second --peer http://127.0.0.1:8100=/srv/first/token

  docket agent --listen 0.0.0.0:8100 --tls-cert server.pem --tls-key server.key --host docket.example

  docket agent --mesh tls://nats.example:4222 --mesh-login /etc/docket/mesh-login --trust listed`,
  async run(call) {
    const config = configOf(call);
    if (call.flag('print-config')) {
      const { configText } = await import('../print-config.ts');
      call.streams.stdout.write(configText(config, { json: call.flag('json') }));
      for (const warning of config.warnings) call.streams.stderr.write(`docket: ${warning}\n`);
      return 0;
    }
    const { stderr } = call.streams;
    const log: Log = (event, more = {}) => void stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...more })}\n`);
    const options = { ...agentOptions(config), tracing: tracingOf(call, config.values.otlp), tell: log, signal: call.signal };
    let cause: Cause = 'killed';
    for (let opened = await Agent.start(options); ; opened = await reopened({ ...options, port: opened.port }, call, log)) {
      const failure = await serve(opened, { call, config, log, cause });
      if (failure === undefined) break;
      cause = 'reopened';
      log('ledger failed', { code: failure.code, error: failure.message });
    }
    log('stopped');
    return 0;
  },
};

interface Service {
  readonly call: Call;
  readonly config: Config;
  readonly log: Log;
  /** Why runs may have been cut off. */
  readonly cause: Cause;
}

/** Runs an agent until it is told to stop, or until its ledger fails, which it gives then. */
async function serve(opened: Agent, { call, config, log, cause }: Service): Promise<DocketError | undefined> {
  await using agent = opened;
  suspendInOrder(agent.engine);
  logStart(agent, config, log);
  if (agent.certificate !== undefined) takeHangUps(() => renewCertificate(agent, log));
  await agent.resume(
    {
      resumed: (run) => log('resumed', { run }),
      failed: (run, error) =>
        log('not resumed', { run, ...(isDocketError(error) ? { code: error.code } : {}), error: (error as Error).message }),
    },
    cause,
  );
  while (!call.signal.aborted && agent.engine.ledger.failure === undefined && agent.meshFailure === undefined)
    await pause(LOOK, call.signal);
  // Two agents with one name would drive each other's runs.
  if (agent.meshFailure !== undefined) throw agent.meshFailure;
  if (!call.signal.aborted) return agent.engine.ledger.failure;
  const drain = config.values.drain ?? DRAIN;
  log('stopping', { drain });
  await agent.drain(drain);
  return undefined;
}

/** Time between two looks at the ledger, and between two tries to open it again, in ms. */
const LOOK = 500;
const RETRY = 2_000;

/** A ledger that failed once takes no more, since what follows may rest on what was lost. A disk that was full may have room again, though. */
async function reopened(options: AgentOptions, { signal }: Call, log: Log): Promise<Agent> {
  for (;;) {
    await pause(RETRY, signal);
    signal.throwIfAborted();
    try {
      return await Agent.start(options);
    } catch (error) {
      if (!isDocketError(error)) throw error;
      log('not opened again', { code: error.code, error: error.message });
    }
  }
}

/** Ends early, and without complaint, when the command is to stop. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

function optionOf(name: (typeof SETTING_NAMES)[number]): OptionSpec {
  const { shape, value, help, preset } = settingOf(name);
  const text = `${help} (default: ${preset})`;
  if (shape === 'flag') return { type: 'flag', help: text };
  return { type: 'value', ...(value === undefined ? {} : { value }), many: shape === 'list' || shape === 'pairs', help: text };
}

function configOf(call: Call): Config {
  return readConfig({
    option: (name) => {
      if (call.flag(name)) return true;
      const texts = call.values(name);
      return texts.length === 0 ? undefined : texts;
    },
    usage: (message) => call.usage(message),
    env: call.env,
    folder: process.cwd(),
  });
}

function logStart(agent: Agent, { file, values, warnings }: Config, log: Log): void {
  const { url, engine, certificate, homestarUrl } = agent;
  log('listening', {
    url,
    home: engine.paths.home,
    did: engine.key.did,
    slots: engine.slotCount,
    pid: process.pid,
    ...(homestarUrl === undefined ? {} : { homestar: homestarUrl }),
    ...(values.tag === undefined ? {} : { tags: values.tag }),
    ...(values.ops === undefined ? {} : { ops: values.ops }),
    ...(values.peer === undefined ? {} : { peers: values.peer.map((peer) => peer.url) }),
    ...(file === undefined ? {} : { config: file }),
    ...(certificate === undefined ? {} : { certificateExpires: new Date(certificate.expires).toISOString() }),
  });
  for (const message of warnings) log('warning', { message });
  if (certificate?.warning !== undefined) log('warning', { message: certificate.warning });
}

function renewCertificate(agent: Agent, log: Log): void {
  try {
    const { expires, warning } = agent.renewCertificate();
    log('certificate renewed', { expires: new Date(expires).toISOString() });
    if (warning !== undefined) log('warning', { message: warning });
  } catch (error) {
    log('certificate kept', { error: (error as Error).message });
  }
}
