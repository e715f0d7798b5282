import { printable } from '../present.ts';

/** A line of an agent's log as people read it: `14:03:07 member joined host=vm`. Others stay as they are. */
export function readable(line: string): string {
  if (!line.startsWith('{')) return printable(line);
  let told: unknown;
  try {
    told = JSON.parse(line);
  } catch {
    return printable(line);
  }
  if (!isRecord(told)) return printable(line);
  const { time, event, ...facts } = told;
  const pairs = Object.entries(facts).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const clock = typeof time === 'string' ? time.slice('2026-01-01T'.length, '2026-01-01T00:00:00'.length) : '';
  return printable([clock, String(event), ...pairs].join(' '));
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
