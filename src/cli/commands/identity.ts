import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { DocketError, isDocketError } from '../../errors.ts';
import { peerIdOf } from '../../ipld/peer-id.ts';
import * as Home from '../../ledger/home.ts';
import { importIdentity, loadOrCreateIdentity } from '../../ledger/identity-file.ts';
import { seedOfPem } from '../../ledger/private-key.ts';
import type { Command } from '../command.ts';
import { homeOf } from '../open-engine.ts';
import { jsonLine, table } from '../present.ts';

export const command: Command = {
  summary: 'Show who signs the receipts of a home, or bring a key of one’s own.',
  usage: '[import FILE]',
  words: [0, 2],
  isOfHome: true,
  options: {},
  help: `
Prints the DID of the home, which is the issuer of its receipts, and the peer id Homestar’s clients know the same key by. A home without an identity
gets a new one.

import FILE  make this key the identity of a home that has none: an Ed25519 private key in PEM (PKCS#8) without a passphrase, such as \`openssl genpkey
             -algorithm ed25519\` makes and Homestar’s \`keypair_config\` names as \`existing\`. The key is copied into the home; FILE stays as it is

A home keeps its identity, since its receipts are signed with it. Two homes with one key are two agents that cannot be told apart: move a key, do not share it.

Example:
  docket identity import homestar.pem --home /srv/docket`,
  async run(call) {
    const [verb, file] = call.words;
    if (verb !== undefined && verb !== 'import') throw call.usage(`takes import, not "${verb}"`);
    if (verb !== undefined && file === undefined) throw call.usage('import takes a FILE');
    const seed = file === undefined ? undefined : seedOfPem(readKey(file), file);
    const { identity } = await Home.prepare(homeOf(call));
    const { did } = seed === undefined ? await loadOrCreateIdentity(identity) : await importIdentity(identity, seed);
    const peer = peerIdOf(did)!;
    call.streams.stdout.write(
      call.flag('json')
        ? jsonLine({ did, peer })
        : table([
            ['did', did],
            ['peer', peer],
          ]),
    );
    return 0;
  },
};

/** Far above any key. */
const MOST_BYTES = 65_536;

function readKey(file: string): string {
  let opened: number | undefined;
  try {
    // A pipe would be waited for, and a device has no end.
    opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stat = fstatSync(opened);
    if (!stat.isFile()) throw new DocketError('KEY_INVALID', `${file} is no regular file`);
    if (stat.size > MOST_BYTES) throw new DocketError('KEY_INVALID', `${file} is too large for a key`);
    return readFileSync(opened, 'latin1');
  } catch (cause) {
    if (isDocketError(cause)) throw cause;
    throw new DocketError('INPUT_UNREADABLE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}
