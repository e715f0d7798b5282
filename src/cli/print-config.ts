import { stringify } from 'smol-toml';
import type { Config } from '../agent/config/config.ts';
import { SETTING_NAMES, settingOf } from '../agent/config/settings.ts';
import { jsonLine, printable } from './present.ts';

/** What holds and who said so: as a config file that says the same, or as JSON. */
export function configText(config: Config, { json }: { readonly json: boolean }): string {
  const { home, file, told, origins, warnings } = config;
  const rows = SETTING_NAMES.map((name) => ({ name, value: name === 'home' ? home : told[name], from: origins[name] ?? 'default' }));
  if (json) {
    const settings = rows.map(({ name, value = null, from }) => [name, { value, from, preset: settingOf(name).preset }]);
    return jsonLine({ file: file ?? null, settings: Object.fromEntries(settings), warnings });
  }
  const lines = rows.map(({ name, value, from }) =>
    value === undefined ? `# ${name}: ${settingOf(name).preset} (default)` : `${assignment(name, value)} # ${printable(from)}`,
  );
  return `${[...lines, ...warnings.map((warning) => `# warning: ${printable(warning)}`)].join('\n')}\n`;
}

/** On one line, tables too. */
function assignment(name: string, value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return stringify({ [name]: value }).trim();
  const inner = Object.entries(value).map(([key, text]) => stringify({ [key]: text as string }).trim());
  return `${name} = { ${inner.join(', ')} }`;
}
