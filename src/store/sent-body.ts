import type { Watch } from './watch.ts';

/** A body that is sent as fast as the agent takes it; while its own source is waited for nobody else is. */
export class SentBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** What the source itself threw. */
  failure: { readonly cause: unknown } | undefined;

  constructor(source: AsyncIterable<Uint8Array>, watch: Watch) {
    const iterator = source[Symbol.asyncIterator]();
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          watch.pause();
          try {
            const next = await iterator.next();
            // Copied: a source may use its buffer again for the next chunk.
            if (next.done === true) controller.close();
            else controller.enqueue(new Uint8Array(next.value));
          } catch (cause) {
            this.failure = { cause };
            controller.error(cause);
          }
          watch.wait();
        },
        cancel: () => {
          // Not awaited: a source that hangs in `next` would hang here too.
          void Promise.resolve(iterator.return?.()).catch(() => undefined);
        },
      },
      { highWaterMark: 0 },
    );
  }
}
