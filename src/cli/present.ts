import { formatDuration } from '../base/units.ts';
import * as DagJson from '../ipld/dag-json.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Counts, TaskError } from '../scheduler/events.ts';

/** An IPLD value as plain JSON data, in DAG-JSON's notation, for documents printed with `--json`. */
export function jsonable(value: Ipld): unknown {
  return JSON.parse(DagJson.encode(value));
}

/** One JSON document on a line of its own. */
export function jsonLine(document: unknown): string {
  return `${JSON.stringify(document)}\n`;
}

/** `12 tasks: 4 ran, 8 cached, 0 failed`; skipped and cancelled only if there are any. */
export function countsLine(tasks: Counts): string {
  const parts = [`${tasks.ran} ran`, `${tasks.cached} cached`, `${tasks.failed} failed`];
  if (tasks.skipped > 0) parts.push(`${tasks.skipped} skipped`);
  if (tasks.cancelled > 0) parts.push(`${tasks.cancelled} cancelled`);
  return `${tasks.total} ${tasks.total === 1 ? 'task' : 'tasks'}: ${parts.join(', ')}`;
}

export function secondsText(seconds: number): string {
  return formatDuration(Math.round(seconds * 1000));
}

const ERRORS_SHOWN = 20;

/** What failed, and what did not run because of it. */
export function errorLines(errors: readonly TaskError[]): string[] {
  const lines = errors.slice(0, ERRORS_SHOWN).map(({ task, code, message, skipped }) => {
    const behind = skipped === 0 ? '' : ` (${skipped} ${skipped === 1 ? 'task' : 'tasks'} behind it did not run)`;
    return `  ${task}: ${message} [${code}]${behind}`;
  });
  if (errors.length > ERRORS_SHOWN) lines.push(`  … and ${errors.length - ERRORS_SHOWN} more`);
  return lines;
}

/** Left-aligned columns, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()}\n`).join('');
}
