import { z } from 'zod';
import * as Cid from '../ipld/cid.ts';
import { isDocketError } from '../errors.ts';

/** Texts that stand in paths and bodies. */

/** A CID of whatever. */
export const AnyCid = z
  .string()
  .max(200)
  .transform((text, context) => {
    try {
      return Cid.parse(text);
    } catch (error) {
      if (!isDocketError(error)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  });

/** A CID of a blob or a tree. */
export const StoredCid = AnyCid.refine(Cid.isStored, 'it names no blob and no tree');

/** The CID of a file as IPFS has it. */
export const UnixFsCid = AnyCid.transform((cid) => cid.toV1()).refine(Cid.isUnixFs, 'it is no UnixFS CID (bafybei…)');

/** Subresource Integrity, the one hash blobs are known by. */
export const Sri = z
  .string()
  .regex(/^sha256-[A-Za-z0-9+/]{43}=$/, 'it is not sha256-… in base64')
  .transform((sri) => Cid.fromSha256(Uint8Array.from(Buffer.from(sri.slice('sha256-'.length), 'base64'))));

/** The full name of a module, with or without `@` and a version. */
export const ModuleReference = z.string().min(1).max(400);
