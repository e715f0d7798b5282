import { DocketError, type Place } from '../errors.ts';

/** The text of a workflow file, which must be UTF-8. Throws `WORKFLOW_SYNTAX` with the place of the first byte that no text has. */
export function decodeText(bytes: Uint8Array, file: string): string {
  const nul = bytes.indexOf(0);
  if (isUtf16(bytes, nul)) throw syntax('the file is text in UTF-16, not in UTF-8', { file, line: 1, column: 1 }, 'Save it as UTF-8.');
  const text = new TextDecoder().decode(bytes);
  const wrong = text.includes('\uFFFD') ? firstWrong(bytes) : -1;
  const at = nul < 0 || (wrong >= 0 && wrong < nul) ? wrong : nul;
  if (at < 0) return text;
  const what = at === nul ? 'is zero' : 'does not belong there';
  throw syntax(`the file is not text in UTF-8: byte ${at} ${what}`, placeOf(bytes, at, file), 'Save it as UTF-8, or check the path.');
}

/** First bytes of a CBOR map. No text in UTF-8 begins with one, and none in UTF-16. */
const MAPS = { from: 0xa0, to: 0xbf };

/** Whether a workflow file is DAG-CBOR, not text. */
export function isCbor(bytes: Uint8Array, file: string): boolean {
  const [first = 0] = bytes;
  return (first >= MAPS.from && first <= MAPS.to) || file.endsWith('.cbor');
}

/** By its mark; without one, every other byte of plain text is zero. */
function isUtf16([first, second, third, fourth]: Uint8Array, nul: number): boolean {
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
  return (nul === 0 && second !== 0 && third === 0 && fourth !== 0) || (nul === 1 && third !== 0 && fourth === 0);
}

/** Where the decoder replaced something, or -1: up to there, encoding what it gave yields the same bytes again. */
function firstWrong(bytes: Uint8Array): number {
  const again = new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  const at = bytes.findIndex((byte, i) => byte !== again[i]);
  return at < 0 && again.length !== bytes.length ? bytes.length : at;
}

function placeOf(bytes: Uint8Array, at: number, file: string): Place {
  const before = new TextDecoder().decode(bytes.subarray(0, at)).split('\n');
  return { file, line: before.length, column: before.at(-1)!.length + 1 };
}

function syntax(message: string, place: Place, next: string): DocketError {
  return new DocketError('WORKFLOW_SYNTAX', message, { place, next });
}
