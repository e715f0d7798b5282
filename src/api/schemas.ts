import { z } from 'zod';
import * as Cid from '../ipld/cid.ts';
import { isDocketError } from '../errors.ts';

/** Texts that stand in paths and bodies. */

/** A CID of a blob or a tree. */
export const StoredCid = z
  .string()
  .max(100)
  .transform((text, context) => {
    try {
      const cid = Cid.parse(text);
      if (Cid.isStored(cid)) return cid;
      context.addIssue('it names no blob and no tree');
    } catch (error) {
      if (!isDocketError(error)) throw error;
      context.addIssue(error.message);
    }
    return z.NEVER;
  });

/** Subresource Integrity, the one hash blobs are known by. */
export const Sri = z
  .string()
  .regex(/^sha256-[A-Za-z0-9+/]{43}=$/, 'it is not sha256-… in base64')
  .transform((sri) => Cid.fromSha256(Uint8Array.from(Buffer.from(sri.slice('sha256-'.length), 'base64'))));

/** The full name of a module, with or without `@` and a version. */
export const ModuleReference = z.string().min(1).max(400);
