import { formatDuration } from '../base/units.ts';
import * as DagJson from '../ipld/dag-json.ts';
import type { Ipld } from '../ipld/value.ts';
import type { RunCounts } from '../workflow/run-state.ts';
import type { TaskError } from '../scheduler/events.ts';
import { cellsOf, pad } from './text-width.ts';

/**
 * An IPLD value as JSON data, in DAG-JSON's notation, for documents printed with `--json`. Numbers that a JavaScript number does not hold, or would print as another
 * kind (2^64-1, 1.0), are printed as DAG-JSON has them.
 */
export function jsonable(value: Ipld): unknown {
  return parse(DagJson.encode(value), (_, part, { source }) =>
    typeof part === 'number' && source !== undefined && String(part) !== source ? rawJSON(source) : part,
  );
}

/** ECMAScript 2026, which TypeScript does not declare yet. */
const { parse, rawJSON } = JSON as unknown as {
  readonly parse: (text: string, revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown;
  readonly rawJSON: (text: string) => unknown;
};

/** One JSON document on a line of its own. */
export function jsonLine(document: unknown): string {
  return `${JSON.stringify(document)}\n`;
}

/**
 * One JSON document `{name: [items], …what the generator returns}` in pieces, for lists too long to hold. If the source throws midway the document
 * stays open, which no parser takes for a whole one.
 */
export async function* jsonList(
  name: string,
  items: AsyncGenerator<unknown, Readonly<Record<string, unknown>>, void>,
): AsyncGenerator<string> {
  let separator = `{${JSON.stringify(name)}:[`;
  for (;;) {
    const { done, value } = await items.next();
    if (done === true) {
      const more = Object.entries(value).map(([key, item]) => `,${JSON.stringify(key)}:${JSON.stringify(item)}`);
      yield `${separator === ',' ? '' : separator}]${more.join('')}}\n`;
      return;
    }
    yield separator + JSON.stringify(value);
    separator = ',';
  }
}

/** Text from outside on one line: control characters, which could move the cursor or hide what comes before, are spelled out. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028-\u202E\u2066-\u2069]/gu,
    (char) => JSON_ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same for a text of several lines, which stay lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printableCells).join('\n');
}

/** Tabs and the ends of lines of other systems move nothing that was there before. */
function printableCells(line: string): string {
  return line.replace(/\r$/, '').split('\t').map(printable).join('\t');
}

const JSON_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** `1 task`, `2 tasks`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `12 tasks: 4 ran, 8 cached, 0 failed`; skipped and cancelled only if there are any. */
export function countsLine(tasks: RunCounts): string {
  const parts = [`${tasks.ran} ran`, `${tasks.cached} cached`, `${tasks.failed} failed`];
  if (tasks.skipped > 0) parts.push(`${tasks.skipped} skipped`);
  if (tasks.cancelled > 0) parts.push(`${tasks.cancelled} cancelled`);
  return `${counted(tasks.total, 'task')}: ${parts.join(', ')}`;
}

export function secondsText(seconds: number): string {
  return formatDuration(Math.round(seconds * 1000));
}

const ERRORS_SHOWN = 20;

/** What failed, and what did not run because of it. `more`: failures beside these. */
export function errorLines(errors: readonly TaskError[], more = 0): string[] {
  const lines = errors.slice(0, ERRORS_SHOWN).map(({ task, code, message, skipped }) => {
    const behind = skipped === 0 ? '' : ` (${counted(skipped, 'task')} behind it did not run)`;
    return `  ${printable(`${task}: ${message}`)} [${code}]${behind}`;
  });
  const left = errors.length + more - lines.length;
  if (left > 0) lines.push(`  … and ${left} more`);
  return lines;
}

/** Left-aligned columns, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of shown) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cellsOf(cell))));
  return shown
    .map(
      (row) =>
        `${row
          .map((cell, i) => pad(cell, widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
