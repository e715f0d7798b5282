import type { Messages } from '../../mesh/mesh.ts';
import type { Refused } from '../../protocol/mesh/message.ts';
import { decodeWork } from '../../protocol/mesh/work-codec.ts';
import type { WorkMessage } from '../../protocol/mesh/work.ts';
import type { HostCounts } from './host-counts.ts';

/** The messages about work that are for hosts, and those for coordinators. */
export type ToHost = Extract<WorkMessage, { kind: 'offer' | 'withdraw' | 'received' }>;
export type ToCoordinator = Exclude<WorkMessage, ToHost>;

interface Receivers {
  readonly host: { receive(from: string, message: ToHost, size: number): void };
  readonly coordinators: { receive(from: string, message: ToCoordinator): void };
  readonly counts: Pick<HostCounts, 'unread'>;
  /** For the log. */
  readonly refused: (from: string, refused: Refused) => void;
}

/** Reads every message about work once, for whom it is, and counts those that cannot be read. Receivers must not throw: what they can do nothing about they count. */
export function listenToWork(messages: Pick<Messages, 'onMessage'>, { host, coordinators, counts, refused }: Receivers): Disposable {
  return messages.onMessage((from, bytes) => {
    const read = decodeWork(bytes);
    if ('refused' in read) {
      counts.unread(read.refused);
      refused(from, read);
    } else if (isToHost(read.message)) host.receive(from, read.message, bytes.length);
    else coordinators.receive(from, read.message);
  });
}

function isToHost(message: WorkMessage): message is ToHost {
  return message.kind === 'offer' || message.kind === 'withdraw' || message.kind === 'received';
}
