import { once } from 'node:events';
import { Agent } from '../../agent/agent.ts';
import { agentOptions, type Config, readConfig } from '../../agent/config/config.ts';
import { SETTING_NAMES, settingOf } from '../../agent/config/settings.ts';
import type { Call, Command, OptionSpec } from '../command.ts';
import { takeHangUps } from '../hang-up.ts';
import { suspendInOrder } from '../open-engine.ts';
import { tracingOf } from '../otlp.ts';

const DRAIN = 30_000;

type Log = (event: string, more?: Readonly<Record<string, unknown>>) => void;

export const command: Command = {
  summary: 'Offer a home over HTTP: named modules, blobs and jobs.',
  usage: '[--config FILE] [--listen HOST:PORT] [--tls-cert FILE --tls-key FILE] [--slots N] [--anonymous SCOPES] [--allow PERMISSIONS] …',
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

Examples:
  docket agent --listen 127.0.0.1:8100 &
  curl -H "Authorization: Bearer $(cat ~/.local/share/docket/token)" --data-binary @input.txt \\
    http://127.0.0.1:8100/v1/jobs/org.example.count-words/run

  docket agent --listen 127.0.0.1:8200 --home /srv/second --peer http://127.0.0.1:8100=/srv/first/token

  docket agent --listen 0.0.0.0:8100 --tls-cert server.pem --tls-key server.key --host docket.example`,
  async run(call) {
    const config = configOf(call);
    if (call.flag('print-config')) {
      const { configText } = await import('../print-config.ts');
      call.streams.stdout.write(configText(config, { json: call.flag('json') }));
      return 0;
    }
    const { stderr } = call.streams;
    const log: Log = (event, more = {}) => void stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...more })}\n`);
    await using agent = await Agent.start({ ...agentOptions(config), tracing: tracingOf(call, config.values.otlp) });
    suspendInOrder(agent.engine);
    logStart(agent, config, log);
    if (agent.certificate !== undefined) takeHangUps(() => renewCertificate(agent, log));
    const resumed = await agent.resume((run, error) => log('not resumed', { run, error: (error as Error).message }));
    for (const run of resumed) log('resumed', { run });
    if (!call.signal.aborted) await once(call.signal, 'abort');
    const drain = config.values.drain ?? DRAIN;
    log('stopping', { drain });
    await agent.drain(drain);
    log('stopped');
    return 0;
  },
};

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
  const { url, engine, certificate } = agent;
  log('listening', {
    url,
    home: engine.paths.home,
    did: engine.key.did,
    slots: engine.slotCount,
    pid: process.pid,
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
