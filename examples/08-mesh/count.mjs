// Counts the words of the texts in a folder in one process, as the workflow does, to compare: sorted `word<TAB>count` lines.
//
//   node count.mjs FOLDER

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node count.mjs FOLDER');
  process.exit(2);
}
const counts = new Map();
for (const name of readdirSync(folder)) {
  for (const word of readFileSync(join(folder, name), 'latin1').split(/[ \n]+/)) {
    if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1);
  }
}
const lines = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([word, count]) => `${word}\t${count}\n`);
process.stdout.write(lines.join(''));
