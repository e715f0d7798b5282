import type { Watch } from './watch.ts';

/** A body that is sent as fast as the agent takes it; while its own source is waited for nobody else is. */
export class SentBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** What the source itself threw. */
  failure: { readonly cause: unknown } | undefined;

  /** `patience`: how long the agent may take to answer when it has all. */
  constructor(source: AsyncIterable<Uint8Array>, watch: Watch, patience: number) {
    const iterator = source[Symbol.asyncIterator]();
    // Not awaited: a source that hangs in `next` would hang here too.
    const leave = (): void => void Promise.resolve(iterator.return?.()).catch(() => undefined);
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          // The agent has answered: it wants no more, and would be sent what it does not want for ever.
          if (watch.isOver) {
            leave();
            return controller.error(new Error('the reply is here'));
          }
          watch.pause();
          let isAll = false;
          try {
            const next = await iterator.next();
            // Copied: a source may use its buffer again for the next chunk.
            isAll = next.done === true;
            if (next.done === true) controller.close();
            else controller.enqueue(new Uint8Array(next.value));
          } catch (cause) {
            this.failure = { cause };
            controller.error(cause);
          }
          watch.wait(isAll ? patience : undefined);
        },
        cancel: leave,
      },
      { highWaterMark: 0 },
    );
  }
}
