import { randomInt } from 'node:crypto';

/** Names of runs that nobody named, as Homestar makes them: `adjective-noun-NNNN`. */

const ADJECTIVES = [
  'amber',
  'brisk',
  'calm',
  'dapper',
  'early',
  'fond',
  'gentle',
  'hardy',
  'idle',
  'jolly',
  'keen',
  'lucid',
  'mellow',
  'nimble',
  'open',
  'plain',
  'quiet',
  'ready',
  'sober',
  'tidy',
  'upbeat',
  'vivid',
  'warm',
  'young',
] as const;
const NOUNS = [
  'anchor',
  'barge',
  'canal',
  'dock',
  'eddy',
  'ferry',
  'gull',
  'harbor',
  'island',
  'jetty',
  'keel',
  'lantern',
  'mast',
  'net',
  'oar',
  'pier',
  'quay',
  'reef',
  'sail',
  'tide',
  'vessel',
  'wharf',
  'yawl',
  'buoy',
] as const;

export function randomName(): string {
  const pick = (words: readonly string[]): string => words[randomInt(words.length)]!;
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${String(randomInt(10_000)).padStart(4, '0')}`;
}

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Of a subscription: nobody else can guess it. */
export function randomId(): string {
  return Array.from({ length: 16 }, () => CHARACTERS[randomInt(CHARACTERS.length)]!).join('');
}
