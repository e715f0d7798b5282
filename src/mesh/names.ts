import { DocketError } from '../errors.ts';

const WORD = /^[-\w:]+$/;
const KEY = /^[-\w:]+(?:\.[-\w:]+)*$/;
/** Characters. Engines have bounds for their subjects, and add words of their own. */
const LONGEST = 255;
const RESULT_KEY = 32;

/** DIDs and names of meshes are single words, so that they can be parts of subjects. Throws `MESH_NAME_INVALID`. */
export function checkWord(word: string): void {
  if (word.length > LONGEST || !WORD.test(word)) throw invalid(word, 'a word');
}

/** Throws `MESH_NAME_INVALID`. */
export function checkKey(key: string): void {
  if (key.length > LONGEST || !KEY.test(key)) throw invalid(key, 'a key');
}

/** A key, or nothing for all. Throws `MESH_NAME_INVALID`. */
export function checkPrefix(prefix: string): void {
  if (prefix !== '') checkKey(prefix);
}

/** Whether a key begins with these words and goes on. */
export function isUnder(prefix: string, key: string): boolean {
  return prefix === '' || (key.length > prefix.length && key.startsWith(prefix) && key[prefix.length] === '.');
}

/** Throws `MESH_NAME_INVALID`. */
export function checkResultKey(key: Uint8Array): void {
  if (key.length !== RESULT_KEY) throw new DocketError('MESH_NAME_INVALID', `a key of results has ${RESULT_KEY} bytes, not ${key.length}`);
}

/** Throws `MESH_MESSAGE_TOO_LARGE`. */
export function checkSize(bytes: Uint8Array, largest: number): void {
  if (bytes.length <= largest) return;
  throw new DocketError('MESH_MESSAGE_TOO_LARGE', `${bytes.length} bytes are more than the ${largest} that the mesh takes at once`);
}

function invalid(name: string, kind: string): DocketError {
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  return new DocketError('MESH_NAME_INVALID', `${shown} is not ${kind} of at most ${LONGEST} letters, digits, "-", "_" and ":"`);
}
