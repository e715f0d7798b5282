/** `npm run bench`: runs every `bench/*.bench.ts`, one after the other. `npm run bench -- NAME…` runs those whose name holds NAME. */

import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { buildGuests } from './build-guests.ts';
import { ROOT, runNode } from './run-command.ts';

const named = process.argv.slice(2);
const files = globSync('bench/*.bench.ts', { cwd: ROOT }).toSorted();
const chosen = files.filter((file) => named.length === 0 || named.some((name) => basename(file).includes(name)));
if (chosen.length === 0) throw new Error(`no benchmark is named like ${named.join(' ')}; there are ${files.join(', ')}`);

await buildGuests();
const failed = chosen.filter((file) => {
  console.log(`\n${basename(file, '.bench.ts')}`);
  return runNode('--expose-gc', file) !== 0;
});
process.exitCode = failed.length > 0 ? 1 : 0;
