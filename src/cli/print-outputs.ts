import * as Cid from '../ipld/cid.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { type Ipld, isLink } from '../ipld/value.ts';
import type { Streams } from './command.ts';
import type { Desk } from './desk.ts';
import { fileEntry } from './outputs.ts';
import { isLargeValue, largeText } from './large-value.ts';
import { counted, printable, printableLines } from './present.ts';
import { writePiece, writeValue } from './write-value.ts';

/** Bytes that are shown on a terminal, if they are text. */
const SHOWN = 1 << 20;

/** Outputs on stdout. A single one that is text or bytes is printed bare, so that it can be piped on; several are named, and the large ones told. */
export async function printOutputs(
  desk: Pick<Desk, 'store'>,
  outputs: Readonly<Record<string, Ipld>>,
  stdout: Streams['stdout'],
): Promise<void> {
  const [only, second] = Object.values(outputs);
  const bare = only === undefined || second !== undefined ? undefined : await bareOf(desk, only, stdout.isTTY);
  if (bare === undefined) return writePiece(stdout, outputLines(outputs));
  await writeValue(desk, bare, stdout);
  const isCut = (typeof bare === 'string' || stdout.isTTY) && !(typeof bare === 'string' && (bare === '' || bare.endsWith('\n')));
  if (isCut) stdout.write('\n');
}

/** What to print of a single output; undefined if it is to be described instead. A terminal gets text only, and not too much. */
async function bareOf(desk: Pick<Desk, 'store'>, value: Ipld, isTerminal: boolean): Promise<Ipld | undefined> {
  if (typeof value === 'string') return value;
  if (isLargeValue(value)) return isTerminal && !(await isShort(desk, value)) ? undefined : await largeText(desk.store, value);
  const blob = fileEntry(value)?.cid ?? (isLink(value) && Cid.isBlob(value) ? value : undefined);
  if (!isTerminal) return value instanceof Uint8Array ? value : blob;
  if (value instanceof Uint8Array) return textOf(value);
  return blob !== undefined && (await isShort(desk, blob)) ? textOf(await desk.store.read(blob)) : undefined;
}

async function isShort({ store }: Pick<Desk, 'store'>, blob: Cid.CID): Promise<boolean> {
  const found = await store.stat(blob);
  return found !== undefined && found.size <= SHOWN;
}

/** A line for each output, or a heading and its text. */
export function outputLines(outputs: Readonly<Record<string, Ipld>>): string {
  return Object.entries(outputs)
    .map(([name, value]) => describe(printable(name), value))
    .join('');
}

function describe(name: string, value: Ipld): string {
  // Beside names a text could pass for another output, by what moves the cursor; one that is printed bare is for who reads it.
  const plain = typeof value === 'string' ? value : value instanceof Uint8Array ? textOf(value) : undefined;
  const text = plain === undefined || (typeof value !== 'string' && /[\p{Cc}--[\n\r\t]]/v.test(plain)) ? undefined : printableLines(plain);
  if (text !== undefined) return text.includes('\n') ? `${name}:\n${text.replace(/^/gm, '  ').trimEnd()}\n` : `${name}: ${text}\n`;
  if (value instanceof Uint8Array) return `${name}: ${counted(value.length, 'byte')} that are no text (--out writes them to a file)\n`;
  const link = fileEntry(value)?.cid ?? value;
  if (isLink(link)) return `${name}: ${link} (docket store ${Cid.isTree(link) ? 'ls lists' : 'cat prints'} it)\n`;
  return `${name}: ${printable(DagJson.encode(value))}\n`;
}

/** The text `bytes` are in UTF-8, or undefined. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
