import * as Cid from '../ipld/cid.ts';
import type { Failure, Logs } from '../receipt/outcome.ts';
import { INLINE } from '../ipld/large-value.ts';
import type { Ipld, IpldMap } from '../ipld/value.ts';
import { type Output, outputs } from '../sandbox/files/collect.ts';
import type { Content, ContentRef } from '../sandbox/files/content.ts';
import type { FileSystem } from '../sandbox/files/file-system.ts';
import { Exit } from '../sandbox/wasi/process-calls.ts';
import * as Tree from '../store/tree.ts';
import type { BlobSink } from './blob-sink.ts';
import { guestFailure } from './guest-failure.ts';
import type { Ran } from './op.ts';
import { failed } from './refusal.ts';

/** How a command ended. */
export type Ending = { readonly exit: number } | { readonly failure: Failure };

/** What a guest's throwing means. What failed in the host (a damaged blob, a full disk) is thrown again. */
export function endingOf(error: unknown): Ending {
  if (error instanceof Exit) return { exit: error.status };
  const failure = guestFailure(error);
  if (failure === undefined) throw error;
  return { failure };
}

interface Streams {
  readonly stdout: Content;
  readonly stderr: Content;
}

/** What a command leaves behind. */
interface Left extends Streams {
  readonly files: FileSystem;
}

interface Finishing {
  readonly left: Left;
  /** What of its files is taken. */
  readonly globs: readonly string[];
  readonly sink: BlobSink;
  readonly usage: Ran['usage'];
}

/** The end of a command that exited. Taking its outputs can go over a limit too. */
export function finished(exit: number, { left, globs, sink, usage }: Finishing): Ran {
  try {
    const value = resultOf(exit, left, globs, sink);
    const { small, written } = sink;
    if (exit === 0) return { outcome: { tag: 'ok', value }, usage, small, written };
    const failure: Failure = { code: 'exit', message: `the program ended with exit status ${exit}`, data: value };
    return { outcome: { tag: 'error', failure }, usage, small, written };
  } catch (error) {
    const failure = guestFailure(error);
    if (failure === undefined) throw error;
    return failed({ ...failure, data: lastWords(left) }, usage);
  }
}

/** What a command that came to its end left: `{exit, stdout, stderr, files}`. Streams are bytes, or above 4 KiB a link to a blob; `files` is a link to a tree. */
function resultOf(exit: number, { stdout, stderr, files }: Left, globs: readonly string[], sink: BlobSink): IpldMap {
  const tree = treeOf(outputs(files, globs), sink);
  return { exit, stdout: streamOf(stdout, sink), stderr: streamOf(stderr, sink), files: tree };
}

/** The last of what a command wrote before it was stopped, at most 4 KiB of each stream: panics and assertions say there what went wrong. */
export function lastWords({ stdout, stderr }: Streams): IpldMap {
  return { stdout: tailOf(stdout), stderr: tailOf(stderr) };
}

/** What a function wrote; undefined if nothing. */
export function logsOf({ stdout, stderr }: Streams, sink: BlobSink): Logs | undefined {
  if (stdout.size + stderr.size === 0) return undefined;
  return { stdout: streamOf(stdout, sink), stderr: streamOf(stderr, sink) };
}

function streamOf(content: Content, sink: BlobSink): Ipld {
  if (content.size > INLINE) return linkOf(content.ref(), sink);
  return tailOf(content);
}

function tailOf(content: Content): Uint8Array {
  const bytes = new Uint8Array(Math.min(INLINE, content.size));
  const from = content.size - bytes.length;
  for (let done = 0; done < bytes.length;) done += content.read(bytes, done, bytes.length - done, from + done);
  return bytes;
}

function treeOf(found: readonly Output[], sink: BlobSink): Cid.CID {
  // Hard links share one content, which can be taken over only once.
  const taken = new Map<ContentRef, Cid.CID>();
  const link = (content: ContentRef): Cid.CID => {
    const cid = taken.get(content) ?? linkOf(content, sink);
    taken.set(content, cid);
    return cid;
  };
  const bytes = Tree.encode(Object.fromEntries(found.map((output) => [output.path, entryOf(output, link)])));
  sink.add(bytes);
  return Cid.ofTree(bytes);
}

function entryOf(output: Output, link: (content: ContentRef) => Cid.CID): Tree.TreeEntry {
  switch (output.kind) {
    case 'directory':
      return { directory: true };
    case 'link':
      return { link: output.target };
    case 'file': {
      const { content, executable } = output;
      return { cid: link(content), size: content.kind === 'bytes' ? content.bytes.length : content.size, executable };
    }
  }
}

function linkOf(content: ContentRef, sink: BlobSink): Cid.CID {
  switch (content.kind) {
    case 'blob':
      return content.cid;
    case 'bytes':
      return sink.add(content.bytes);
    case 'spill':
      return sink.adopt(content.spill);
  }
}
