/** What a slot process does with the store, run by the test under `--permission`: read, stage, adopt. Prints the CIDs adopted. */
import * as Cid from '../../src/ipld/cid.ts';
import { BlobReader } from '../../src/store/blob-reader.ts';
import { stage } from '../../src/store/staging.ts';

const [root, cid] = process.argv.slice(2) as [string, string];
const bytes = new BlobReader(root, new Map()).readAll(Cid.parse(cid));
for (let copies = 1; copies <= 2; copies++) {
  using staged = stage(root);
  for (let i = copies - 1; i >= 0; i--) staged.write(bytes, i * bytes.length);
  process.stdout.write(`${staged.adopt().cid}\n`);
}
const left = stage(root);
left.write(bytes, 0);
process.kill(process.pid, 'SIGKILL');
