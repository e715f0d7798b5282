import { didYouMean } from '../../base/suggest.ts';
import type { Call, Command } from '../command.ts';
import type { Desk } from '../desk.ts';
import { openDesk } from '../open-desk.ts';
import * as Blobs from '../store/blobs.ts';
import * as Files from '../store/files.ts';
import { verify } from '../store/verify.ts';

interface Verb {
  /** Words after the verb, as in the help. */
  readonly usage: string;
  readonly words: readonly [fewest: number, most: number];
  readonly act: (call: Call, desk: Desk, words: readonly string[]) => Promise<number>;
}

const ANY = Number.POSITIVE_INFINITY;

const VERBS: Readonly<Record<string, Verb>> = {
  put: { usage: 'PATH…', words: [1, ANY], act: Files.put },
  get: { usage: 'CID PATH', words: [2, 2], act: Files.get },
  cat: { usage: 'CID', words: [1, 1], act: Blobs.cat },
  ls: { usage: '[TREE]', words: [0, 1], act: Blobs.ls },
  stat: { usage: 'CID', words: [1, 1], act: Blobs.stat },
  verify: { usage: '[CID…]', words: [0, ANY], act: verify },
};

export const command: Command = {
  summary: 'Put files into the blob store, take them out, look at them, check them.',
  usage: `${Object.keys(VERBS).join('|')} WORDS…`,
  words: [1, ANY],
  options: {
    force: { type: 'flag', help: 'get: replace files that are there' },
    unixfs: { type: 'flag', help: 'put: print what `ipfs add -r --cid-version 1` would, and know files and folders by that name too' },
  },
  help: `
put PATH…      store files and folders (\`-\` is stdin, \`--\` before names that begin with a dash); prints their CIDs
get CID PATH   write a blob to a file, or into a folder that is there, or a tree to a folder
cat CID        print a blob
ls [TREE]      list a tree, or every blob of the store
stat CID       kind and size
verify [CID…]  read every byte of these blobs, or of all of them and of the ledger: its structure, every receipt with its signature, the seals of
               keys, the rows of runs, other names of blobs; what is damaged is named, with what becomes of it

A CID is that of a blob, of a tree, or of a value above 4 KiB that a function gave: cat prints such a text as it is and all else as DAG-JSON, get
writes the DAG-CBOR that is stored. Or it is what IPFS calls a file (bafybei…) that was stored with --unixfs or fetched for a workflow; ipfs://CID/PATH
names a file in such a folder.

Exit status of verify: 0 if all is good, 1 if not.`,
  async run(call) {
    const [name, ...words] = call.words;
    const verb = Object.hasOwn(VERBS, name!) ? VERBS[name!] : undefined;
    if (verb === undefined)
      throw call.usage(`takes ${Object.keys(VERBS).join(', ')}, not "${name}"${didYouMean(name!, Object.keys(VERBS))}`);
    const [fewest, most] = verb.words;
    if (words.length < fewest || words.length > most) throw call.usage(`wrong number of words: docket store ${name} ${verb.usage}`);
    if (call.flag('force') && name !== 'get') throw call.usage('--force goes with get');
    if (call.flag('unixfs') && name !== 'put') throw call.usage('--unixfs goes with put');
    if (call.flag('json') && name === 'cat') throw call.usage('cat prints the blob itself, which is no JSON document');
    await using desk = await openDesk(call, { lookOnly: name !== 'put' });
    return await verb.act(call, desk, words);
  },
};
