/** The judge of the word-count guests: the same rules in regular expressions, independent of their code. */

const SKIPPED = [
  String.raw`<!--[^]*?-->`,
  String.raw`<[A-Za-z!/][^<>]*>`,
  String.raw`\]\([^)\n]*\)`,
  String.raw`&[A-Za-z0-9#]+;`,
  String.raw`[\p{L}\p{M}\d]+(?:['’][\p{L}\p{M}\d]+)*:\/\/[^\s<>"'()\]\x60]*`,
];
const WORD = String.raw`[\p{L}\p{M}\d]+(?:['’](?=[\p{L}\p{M}])[\p{L}\p{M}\d]+)*`;
const TOKEN = new RegExp(`${SKIPPED.join('|')}|(${WORD})`, 'gu');

function withoutFences(text: string): string {
  let fence = '';
  const kept: string[] = [];
  for (const line of text.split('\n')) {
    const mark = /^ *(```|~~~)/.exec(line)?.[1] ?? '';
    const inside = fence !== '';
    if (mark !== '' && (!inside || mark === fence)) fence = inside ? '' : mark;
    kept.push(inside || mark !== '' ? ' ' : line);
  }
  return kept.join('\n');
}

export function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, word] of withoutFences(text).matchAll(TOKEN)) {
    if (word === undefined || /^\d/.test(word)) continue;
    const lower = Array.from(word.replaceAll('’', "'"), (c) => c.toLowerCase()).join('');
    counts.set(lower, (counts.get(lower) ?? 0) + 1);
  }
  return counts;
}

export function add(into: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [word, count] of from) into.set(word, (into.get(word) ?? 0) + count);
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

export function sortedLines(counts: ReadonlyMap<string, number>): string {
  const words = [...counts.keys()].toSorted(byBytes);
  return words.map((word) => `${word}\t${counts.get(word)}\n`).join('');
}

export function topLines(counts: ReadonlyMap<string, number>, limit: number): string {
  const entries = [...counts].toSorted(([a, m], [b, n]) => n - m || byBytes(a, b));
  return entries.slice(0, limit).map(([word, count]) => `${word}\t${count}\n`).join('');
}
