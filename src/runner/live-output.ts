import { EventLog } from '../base/event-log.ts';
import type { OutputFrame, OutputStream } from './output-frame.ts';

/** Messages kept for those who come late or read slowly. */
const KEPT = 64;

/**
 * What a job wrote so far, as far as it was told: events `stdout` and `stderr` with `{at, text}`, `gap` with `{stream, bytes}` where bytes are left out, and
 * `told` at the end.
 * Made when the first message comes or the first reader asks, so a job that is silent and not watched has none.
 */
export class LiveOutput {
  readonly log = new EventLog({ kept: KEPT });
  readonly #streams = { stdout: fresh(), stderr: fresh() };

  add({ stream, at, bytes }: OutputFrame): void {
    const state = this.#streams[stream];
    // Bytes that were told before; a process that does this is not asked twice.
    if (at < state.end) return;
    if (at > state.end) {
      this.#flush(stream);
      this.log.add('gap', { stream, bytes: at - state.end });
    }
    state.end = at + bytes.length;
    this.log.add(stream, { at, text: state.decoder.decode(bytes, { stream: true }) });
  }

  /** The last event, `told`, says up to where each stream was told, in bytes: the end of a short job may overtake what it wrote. */
  close(): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#flush(stream);
    this.log.add('told', { stdout: this.#streams.stdout.end, stderr: this.#streams.stderr.end });
    this.log.close();
  }

  /** Half of a character that will not be made whole. */
  #flush(stream: OutputStream): void {
    const state = this.#streams[stream];
    const text = state.decoder.decode();
    if (text !== '') this.log.add(stream, { at: state.end, text });
  }
}

function fresh(): { end: number; readonly decoder: TextDecoder } {
  return { end: 0, decoder: new TextDecoder('utf-8', { ignoreBOM: true }) };
}
