import { bytesOf, fields, MessageInvalid } from './message.ts';

/**
 * What the messages of Bazel's cache name. Field numbers: build/bazel/remote/execution/v2/remote_execution.proto of
 * https://github.com/bazelbuild/remote-apis. All throw `MessageInvalid`.
 */

/** A blob as Bazel names it. */
export interface Digest {
  /** SHA2-256, 64 digits in lower case. */
  readonly hash: string;
  readonly size: number;
}

/** Blobs, and those among them that name further ones. */
export interface Named {
  readonly blobs: readonly Digest[];
  /** Of messages `Tree`. */
  readonly trees: readonly Digest[];
  /** Of messages `Directory`. */
  readonly directories: readonly Digest[];
}

const ACTION_RESULT = { outputFiles: 2, outputDirectories: 3, stdout: 6, stderr: 8 } as const;
const OUTPUT_FILE = { digest: 2 } as const;
const OUTPUT_DIRECTORY = { tree: 3, root: 5 } as const;
const TREE = { root: 1, children: 2 } as const;
const DIRECTORY = { files: 1, directories: 2 } as const;
const NODE = { digest: 2 } as const;
const DIGEST = { hash: 1, size: 2 } as const;

/** Of what came of an action. */
export function namedByActionResult(message: Uint8Array): Named {
  const blobs: Digest[] = [];
  const trees: Digest[] = [];
  const directories: Digest[] = [];
  for (const field of fields(message)) {
    switch (field.number) {
      case ACTION_RESULT.outputFiles:
        blobs.push(required(digestIn(bytesOf(field), OUTPUT_FILE.digest), 'an output file'));
        break;
      case ACTION_RESULT.outputDirectories: {
        const tree = digestIn(bytesOf(field), OUTPUT_DIRECTORY.tree);
        const root = digestIn(bytesOf(field), OUTPUT_DIRECTORY.root);
        if (tree !== undefined) trees.push(tree);
        if (root !== undefined) directories.push(root);
        if (tree === undefined && root === undefined) throw new MessageInvalid('an output directory has no digest');
        break;
      }
      case ACTION_RESULT.stdout:
      case ACTION_RESULT.stderr: {
        const digest = toDigest(bytesOf(field));
        if (digest !== undefined) blobs.push(digest);
        break;
      }
    }
  }
  return { blobs, trees, directories };
}

/** Of a directory with all that is below it. The directories themselves travel in the tree, and need not be blobs. */
export function namedByTree(message: Uint8Array): Named {
  const blobs: Digest[] = [];
  for (const field of fields(message)) {
    if (field.number === TREE.root || field.number === TREE.children) blobs.push(...namedByDirectory(bytesOf(field)).blobs);
  }
  return { blobs, trees: [], directories: [] };
}

/** Of one directory. */
export function namedByDirectory(message: Uint8Array): Named {
  const blobs: Digest[] = [];
  const directories: Digest[] = [];
  for (const field of fields(message)) {
    if (field.number === DIRECTORY.files) blobs.push(required(digestIn(bytesOf(field), NODE.digest), 'a file'));
    if (field.number === DIRECTORY.directories) directories.push(required(digestIn(bytesOf(field), NODE.digest), 'a directory'));
  }
  return { blobs, trees: [], directories };
}

function digestIn(message: Uint8Array, number: number): Digest | undefined {
  let found: Digest | undefined;
  for (const field of fields(message)) if (field.number === number) found = toDigest(bytesOf(field));
  return found;
}

/** Undefined for one that is there and says nothing. */
function toDigest(message: Uint8Array): Digest | undefined {
  let hash = '';
  let size = 0;
  for (const field of fields(message)) {
    if (field.number === DIGEST.hash) hash = Buffer.from(bytesOf(field)).toString('latin1');
    if (field.number === DIGEST.size && 'integer' in field) size = field.integer;
  }
  if (hash === '' && size === 0) return undefined;
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new MessageInvalid('a digest is not SHA2-256');
  return { hash, size };
}

function required(digest: Digest | undefined, what: string): Digest {
  if (digest === undefined) throw new MessageInvalid(`${what} has no digest`);
  return digest;
}
