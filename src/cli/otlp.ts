import type { Tracing } from '../agent/agent.ts';
import type { Call } from './command.ts';

/** Environment variables of OpenTelemetry: https://opentelemetry.io/docs/specs/otel/protocol/exporter. */
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const HEADERS = 'OTEL_EXPORTER_OTLP_HEADERS';
const SERVICE = 'OTEL_SERVICE_NAME';

const PATH = '/v1/traces';
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** Where traces go, by `--otlp` or the environment; undefined for nowhere. Throws `USAGE`. */
export function tracingOf(call: Call): Tracing | undefined {
  const option = call.value('otlp');
  const text = option ?? call.env[ENDPOINT];
  if (text === undefined || text === '') return undefined;
  const name = option === undefined ? ENDPOINT : '--otlp';
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw call.usage(`${name} takes the URL of a collector, such as http://127.0.0.1:4318`);
  if (url.username !== '' || url.password !== '')
    throw call.usage(`${name} takes a URL without a user or password`, `What lets you in there goes into ${HEADERS}.`);
  if (!url.pathname.endsWith(PATH)) url.pathname = url.pathname.replace(/\/*$/, PATH);
  return { collector: { url: url.href, headers: headersOf(call) }, service: call.env[SERVICE] || 'docket' };
}

/** `name=value,name=value`, percent-encoded. */
function headersOf(call: Call): Record<string, string> {
  const pairs = (call.env[HEADERS] ?? '').split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      const name = pair.slice(0, Math.max(0, at)).trim();
      const value = decoded(pair.slice(at + 1).trim());
      // The value may be a secret, so it is not said.
      if (!NAME.test(name) || value === undefined) throw call.usage(`${HEADERS} takes name=value pairs joined by commas`);
      return [name.toLowerCase(), value];
    }),
  );
}

/** Undefined for what is no value of a header. */
function decoded(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text);
    return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
