/**
 * `npm run examples`: writes the workflow of examples/07-components. A promise names an instruction by the hash of all it says, the component's CID too, so a new
 * compiler or a change of the component makes another file of it.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CID, ofBlob, ofValue } from '../src/ipld/cid.ts';
import { encode } from '../src/ipld/dag-json.ts';
import type { Ipld, IpldMap } from '../src/ipld/value.ts';
import { buildGuests } from './build-guests.ts';
import { ROOT, runNode } from './run-command.ts';

const FOLDER = join(ROOT, 'examples', '07-components');

const FILE = join(FOLDER, 'workflow.json');

/** What `docket store put` prints for a file; of one that is this small it is also what `ipfs add --cid-version 1` prints. */
const named = (...path: string[]): CID => ofBlob(readFileSync(join(...path)));

/** The workflow, with the component as it was built here. */
export function componentExample(): IpldMap {
  const rsc = `ipfs://${named(ROOT, 'build', 'guests', 'images.wasm')}`;
  const tasks: IpldMap[] = [];
  const task = (func: string, ...args: Ipld[]): CID => {
    const run = { input: { args, func }, nnc: '', op: 'wasm/run', rsc };
    tasks.push({ cause: null, meta: { memory: 64 << 20, time: 10_000 }, prf: [], run });
    return ofValue(run);
  };
  const ok = (instruction: CID): Ipld => ({ 'await/ok': instruction });

  const hills = named(FOLDER, 'hills.png');
  const sun = task('crop', hills, { x: 72, y: 2, width: 64, height: 64 });
  const turned = task('rotate', ok(sun), 'quarter');
  const gray = task('recolor', ok(turned), 'grayscale');
  const tinted = task('recolor', ok(sun), { tint: { red: 255, green: 160, blue: 90 } });
  const outside = task('crop', hills, { x: 100, y: 0, width: 64, height: 64 });
  const instead = task('blank', 64, 64, { red: 40, green: 40, blue: 48 }, { 'await/error': outside, at: '/message' });
  task('row', [ok(sun), ok(gray), ok(tinted), ok(instead)], 4);
  task('describe', ok(gray));
  task('describe', Buffer.from('GIF89a'));
  return { tasks };
}

if (import.meta.main) {
  await buildGuests();
  writeFileSync(FILE, encode(componentExample()));
  process.exitCode = runNode(join(ROOT, 'node_modules', 'oxfmt', 'bin', 'oxfmt'), FILE);
}
