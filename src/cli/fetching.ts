import type { FetchProgress } from '../agent/resources/fetch-progress.ts';
import type { FetchSettings } from '../agent/resources/resources.ts';
import type { ResourceShelf, ResourceSource } from '../agent/resources/shelf.ts';
import type { FetchedView } from '../protocol/records.ts';
import { once } from '../base/once.ts';
import { formatSize, parseSize } from '../base/units.ts';
import type { Call, OptionSpecs } from './command.ts';
import { measured } from './option-values.ts';
import { counted, printable } from './present.ts';

/** Options of commands that fetch what a workflow names. */
export const FETCH_OPTIONS = {
  gateway: {
    type: 'value',
    value: 'URL',
    many: true,
    help: 'ask this IPFS gateway for what is named by CID and not here (default: DOCKET_GATEWAY)',
  },
  fetch: {
    type: 'value',
    value: 'HOST[:PORT]',
    many: true,
    help: 'let URLs of the workflow lead to this host though its address is private; without a port to 443 or 80, as the URL says',
  },
  'max-resource': { type: 'value', value: 'SIZE', help: 'fetch nothing that is larger (default: 1GiB)' },
} as const satisfies OptionSpecs;

/** Fetches what a workflow names and is not here; a terminal is told of it. Throws `USAGE`. */
export async function fetchingFor(
  call: Call,
  shelf: ResourceShelf,
): Promise<ResourceSource & { readonly fetched: readonly FetchedView[] }> {
  const fetched: FetchedView[] = [];
  const settings = once(() => settingsOf(call));
  // What was said is checked at once. The rest is loaded when it is needed: most workflows name nothing that is elsewhere.
  if (saysFromWhere(call)) await settings();
  const resources = once(async () => {
    const [{ Resources }, { fetchedView }] = await Promise.all([
      import('../agent/resources/resources.ts'),
      import('../agent/resources/fetch-events.ts'),
    ]);
    const show = progressOn(call);
    const onProgress = (progress: FetchProgress): void => {
      show(progress);
      if (progress.kind === 'fetched') fetched.push(fetchedView(progress));
    };
    return new Resources(shelf, { ...(await settings()), onProgress }, call.signal);
  });
  return {
    fetched,
    get: async (rsc) => (await resources()).get(rsc),
    bring: async (cid) => (await resources()).bring(cid),
    lead: async (rsc) => (await resources()).lead(rsc),
  };
}

/** Whether the call says anything of what is fetched from where. */
export function saysFromWhere(call: Call): boolean {
  return Object.keys(FETCH_OPTIONS).some((name) => call.value(name) !== undefined) || Boolean(call.env[VARIABLE]);
}

const VARIABLE = 'DOCKET_GATEWAY';

async function settingsOf(call: Call): Promise<FetchSettings> {
  const [{ FETCH_RULE, fetchPolicy, parseFetch }, { GATEWAY_RULE, parseGateway }] = await Promise.all([
    import('../agent/resources/fetch-policy.ts'),
    import('../agent/resources/places.ts'),
  ]);
  const hosts = call.values('fetch').map((text) => parseFetch(text) ?? refuse(call, '--fetch', FETCH_RULE, text));
  const given = call.values('gateway');
  const said = given.length > 0 ? given : (call.env[VARIABLE] ?? '').split(',').filter(Boolean);
  const origin = given.length > 0 ? '--gateway' : VARIABLE;
  const gateways = said.map((text) => parseGateway(text) ?? refuse(call, origin, GATEWAY_RULE, text));
  const limit = measured(call, 'max-resource', parseSize, '64MiB');
  // Whoever calls us stands where the URLs are opened, and chose the workflow.
  return { policy: fetchPolicy(['public', ...hosts], gateways), gateways, ...(limit === undefined ? {} : { limit }) };
}

function refuse(call: Call, origin: string, rule: string, text: string): never {
  throw call.usage(`${origin} takes ${rule}, not "${text}"`);
}

const REDRAW_MS = 100;

/** On a terminal one line that says how far things are; elsewhere a line for each that is here. */
function progressOn({ streams: { stderr } }: Call): (progress: FetchProgress) => void {
  let under = 0;
  // Of each that was begun.
  const bytes = new Map<string, number>();
  let drawn = Number.NEGATIVE_INFINITY;
  const draw = (isNow: boolean): void => {
    if (!stderr.isTTY || (!isNow && performance.now() - drawn < REDRAW_MS)) return;
    drawn = performance.now();
    stderr.write(
      `\r\u001B[K${under === 0 ? '' : `fetching ${counted(under, 'resource')}: ${formatSize([...bytes.values()].reduce((sum, size) => sum + size, 0))}`}`,
    );
  };
  return (progress) => {
    switch (progress.kind) {
      case 'begun':
        under++;
        return draw(true);
      case 'asked':
        bytes.set(progress.rsc, 0);
        return;
      case 'bytes':
        bytes.set(progress.rsc, (bytes.get(progress.rsc) ?? 0) + progress.bytes);
        return draw(false);
      case 'failed':
        under--;
        return draw(true);
      case 'fetched':
        under--;
        if (stderr.isTTY) stderr.write('\r\u001B[K');
        stderr.write(`fetched ${printable(progress.rsc)}: ${formatSize(progress.size)} from ${printable(progress.place)}\n`);
        return draw(true);
    }
  };
}
