import { encodeWork } from '../../protocol/mesh/work-codec.ts';
import type { DriveName, EndedTask, Ends, HeldTask, States } from '../../protocol/mesh/work.ts';

/** Messages to a coordinator, none larger than a message may be. */

/** Bytes of one with no tasks in it, with room to spare. */
const HEAD = 256;
/** Of a task in `states`, and of one in `ends` beside its blobs. */
const STATE = 64;
const END = 256;
/** Of a blob in `ends` beside its bytes. */
const BLOB = 96;
const MOST_TASKS = 4_096;

/** `isAll` is said only where one message holds all: several would contradict each other. */
export function statesMessages(
  drive: DriveName,
  tasks: readonly HeldTask[],
  { isAll, largest }: { readonly isAll: boolean; readonly largest: number },
): Uint8Array[] {
  const parts = split(tasks, largest, ({ message = '' }) => STATE + 3 * message.length);
  const { run, epoch } = drive;
  const said = isAll && parts.length <= 1;
  if (said && parts.length === 0) parts.push([]);
  return parts.map((part): Uint8Array => encodeWork({ kind: 'states', run, epoch, isAll: said, tasks: part } satisfies States));
}

/** An end that is too large for a message goes without its small blobs, and if need be without the names of others. */
export function endsMessages({ run, epoch }: DriveName, tasks: readonly EndedTask[], largest: number): Uint8Array[] {
  const fitting = tasks.map((end) => fit(end, largest - HEAD));
  return split(fitting, largest, sizeOf).map((part) => encodeWork({ kind: 'ends', run, epoch, tasks: part } satisfies Ends));
}

function fit(end: EndedTask, room: number): EndedTask {
  if (sizeOf(end) <= room) return end;
  const plain = { ...end, small: {} };
  return sizeOf(plain) <= room ? plain : { ...plain, held: [] };
}

function sizeOf({ receipt, small, held }: EndedTask): number {
  const blobs = Object.values(small);
  return END + receipt.length + held.length * BLOB + blobs.reduce((sum, bytes) => sum + bytes.length + BLOB, 0);
}

function split<T>(items: readonly T[], largest: number, size: (item: T) => number): T[][] {
  const parts: T[][] = [];
  let room = 0;
  for (const item of items) {
    const needed = size(item);
    const last = parts.at(-1);
    if (last === undefined || needed > room || last.length >= MOST_TASKS) {
      parts.push([item]);
      room = largest - HEAD - needed;
    } else {
      last.push(item);
      room -= needed;
    }
  }
  return parts;
}
