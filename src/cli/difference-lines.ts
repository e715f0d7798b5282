import type { TracedDifference } from '../protocol/explanation.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { type Ipld, isLink, isMap } from '../ipld/value.ts';
import { counted, printable } from './present.ts';
import { textOf } from './print-outputs.ts';

const SHOWN = 20;
/** Characters of a value that are shown. */
const WIDTH = 80;
/** How many of them stand before the first that differs. */
const LEAD = 20;

/** A line for each difference, at most twenty: `input.args[0]: "20" → "3"`. */
export function differenceLines(differences: readonly TracedDifference[]): string[] {
  const lines = differences.slice(0, SHOWN).map(({ field, before, after, from }) => {
    const [old, fresh] = contrast(valueText(before), valueText(after));
    return `    ${printable(field)}: ${old} → ${fresh}${from === undefined ? '' : ` (from ${printable(from)})`}`;
  });
  if (differences.length > SHOWN) lines.push(`    … and ${differences.length - SHOWN} more`);
  return lines;
}

function valueText(value: Ipld | undefined): string {
  if (value === undefined) return '(absent)';
  if (isLink(value)) return value.toString();
  if (isMap(value) && isLink(value['cid'] ?? null))
    return `${valueText(value['cid'])}${value['executable'] === true ? ', executable' : ''}`;
  if (!(value instanceof Uint8Array)) return printable(DagJson.encode(value));
  const text = textOf(value);
  return text === undefined ? `${counted(value.length, 'byte')}, ${Buffer.from(value).toString('hex')}` : JSON.stringify(text);
}

/** Both texts, cut to where they begin to differ if they are long. */
export function contrast(before: string, after: string): readonly [string, string] {
  if (before.length <= WIDTH && after.length <= WIDTH) return [before, after];
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  const from = Math.max(0, same - LEAD);
  return [cut(before, from), cut(after, from)];
}

function cut(text: string, from: number): string {
  const start = text.length <= WIDTH ? 0 : from;
  return `${start > 0 ? '…' : ''}${text.slice(start, start + WIDTH)}${start + WIDTH < text.length ? '…' : ''}`;
}
