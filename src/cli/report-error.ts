import { type DocketError, ERROR_CODES, isDocketError, type Place, systemCode } from '../errors.ts';
import type { Problem } from '../workflow/problems.ts';
import type { Streams } from './command.ts';
import { jsonLine, printable } from './present.ts';

/** Prints what failed, where, and what to do next; with `json` also as a document on stdout. */
export function reportError(error: unknown, streams: Streams, { json }: { readonly json: boolean }): void {
  if (!isDocketError(error)) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    streams.stderr.write(`docket: unexpected failure, please report it\n${stack ?? message}\n`);
    if (json) streams.stdout.write(jsonLine({ error: { code: 'INTERNAL', message } }));
    return;
  }
  const problems = problemsOf(error);
  streams.stderr.write(problems.length > 1 ? problems.map(problemText).join('') : problemText(error));
  if (problems.length > 1) streams.stderr.write(`docket: ${problems.length} problems\n`);
  if (!json) return;
  const document = documentOf(error);
  streams.stdout.write(jsonLine({ error: problems.length > 1 ? { ...document, problems: problems.map(documentOf) } : document }));
}

/** Everything that was found wrong with a file, where there may be more than one thing. */
function problemsOf({ details }: DocketError): readonly Problem[] {
  const { problems } = details;
  return Array.isArray(problems) ? (problems as readonly Problem[]) : [];
}

type Reported = Omit<Problem, 'place'> & {
  readonly place?: Place | undefined;
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, unknown>>;
};

function problemText({ code, message, place, next = ERROR_CODES[code].next, cause }: Reported): string {
  const where = placeText(place);
  const prefix = where === '' ? '' : `${printable(where)}: `;
  const what = message.startsWith('docket ') ? message : `docket: ${prefix}${message}`;
  const more = tellsMore(cause, message) ? `  cause: ${printable(cause.message)}\n` : '';
  return `${lines(what)} [${code}]\n${more}${next === '' ? '' : `  ${lines(next)}\n`}`;
}

/** FILE:LINE:COLUMN, then in brackets the JSON pointer; of what is no text FILE#POINTER. */
function placeText({ file, pointer, line, column }: Place = {}): string {
  if (line === undefined && pointer !== undefined) return `${file ?? ''}#${pointer}`;
  const where = [file, line, column].filter((part) => part !== undefined).join(':');
  return pointer === undefined ? where : `${where} (#${pointer})`;
}

/** An error as it stands in JSON documents. `run`: the one it is about, where that is known. */
export function documentOf({ code, message, place, next = ERROR_CODES[code].next, details = {} }: Reported): Record<string, unknown> {
  return { code, message, place: place ?? null, next, ...(typeof details['run'] === 'string' ? { run: details['run'] } : {}) };
}

/** A message may have several lines, but no other control characters. */
function lines(text: string): string {
  return text.split('\n').map(printable).join('\n  ');
}

/** What the system says of a failed call helps a reader; a library's own wording does not, nor that a file is missing once more. */
function tellsMore(cause: unknown, message: string): cause is Error {
  if (!(cause instanceof Error) || typeof (cause as { syscall?: unknown }).syscall !== 'string') return false;
  return systemCode(cause) !== 'ENOENT' && !message.includes(cause.message);
}
