import type { Content } from '../../src/sandbox/files/content.ts';
import { LiveWriter } from '../../src/runner/live-writer.ts';

/** Writes more than a pipe holds to descriptor 3, which nobody reads, and says so when it is done. */

const stream = new Uint8Array(4 << 20).map((_, i) => i % 251);
let size = 0;
const content = {
  get size() {
    return size;
  },
  read(target: Uint8Array, offset: number, length: number, position: number): number {
    target.set(stream.subarray(position, position + length), offset);
    return length;
  },
} as unknown as Content;

const writer = new LiveWriter(3);
writer.begin(7);
for (size = 8192; size <= stream.length; size += 8192) writer.wrote('stdout', content);
process.stdout.write('done');
// Again and again, for whoever reads now, until that one has seen it.
size = stream.length;
const timer = setInterval(() => writer.wrote('stderr', content), 10);
process.stdin.on('end', () => clearInterval(timer)).resume();
