import { type Deferred, deferred } from './deferred.ts';

/** Where the outside leaves messages for a loop that takes them all at once and sleeps in between. One reader. */
export class Inbox<Message> {
  #messages: Message[] = [];
  #wake: Deferred<void> = deferred();

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  post(message: Message): void {
    this.#messages.push(message);
    this.#wake.resolve();
  }

  /** Ends the reader's sleep without a message. */
  nudge(): void {
    this.#wake.resolve();
  }

  take(): readonly Message[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  /** Sleeps until something was posted since the last sleep. */
  async wait(): Promise<void> {
    await this.#wake.promise;
    this.#wake = deferred();
  }
}
