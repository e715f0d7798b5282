import { isDocketError } from '../../errors.ts';
import type { Messages } from '../../mesh/mesh.ts';
import type { DriveName, EndedTask, HeldTask } from '../../protocol/mesh/work.ts';
import { endsMessages, statesMessages } from './host-tell.ts';

/** Tells coordinators. A message may get lost, so all that matters is told again by whoever calls this. */
export class HostMail {
  readonly #messages: Pick<Messages, 'send' | 'largest'>;

  constructor(messages: Pick<Messages, 'send' | 'largest'>) {
    this.#messages = messages;
  }

  states(to: string, drive: DriveName, tasks: readonly HeldTask[], { isAll }: { readonly isAll: boolean }): void {
    if (tasks.length === 0 && !isAll) return;
    for (const message of statesMessages(drive, tasks, { isAll, largest: this.#messages.largest })) this.#send(to, message);
  }

  ends(to: string, drive: DriveName, tasks: readonly EndedTask[]): void {
    for (const message of endsMessages(drive, tasks, this.#messages.largest)) this.#send(to, message);
  }

  #send(to: string, message: Uint8Array): void {
    try {
      this.#messages.send(to, message);
    } catch (error) {
      // A receipt that no message holds: its coordinator waits until its patience is over.
      if (!isDocketError(error)) throw error;
    }
  }
}
