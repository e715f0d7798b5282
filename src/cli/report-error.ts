import { isDocketError } from '../errors.ts';
import type { Streams } from './command.ts';

/** Prints what failed, where, and what to do next; with `json` also as a document on stdout. */
export function reportError(error: unknown, streams: Streams, { json }: { readonly json: boolean }): void {
  if (!isDocketError(error)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    streams.stderr.write(`docket: unexpected failure, please report it\n${text}\n`);
    if (json) print(streams, { error: { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) } });
    return;
  }
  const { file, line, column } = error.place ?? {};
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  streams.stderr.write(`docket: ${place === '' ? '' : `${place}: `}${error.message} [${error.code}]\n`);
  if (error.next !== '') streams.stderr.write(`  ${error.next}\n`);
  const cause = error.cause;
  if (cause instanceof Error && cause.message !== '' && !error.message.includes(cause.message)) streams.stderr.write(`  cause: ${cause.message}\n`);
  if (json) print(streams, { error: { code: error.code, message: error.message, place: error.place ?? null, next: error.next } });
}

function print(streams: Streams, document: unknown): void {
  streams.stdout.write(`${JSON.stringify(document)}\n`);
}
