import { clip } from '../module/fault.ts';
import type { Failure } from '../../receipt/outcome.ts';
import type { Ipld } from '../../ipld/value.ts';
import type { WitType } from './model.ts';
import { shortTypeText } from './text.ts';

/** Where one is inside of a value: indices and field names from the outside in. */
export type Path = (string | number)[];

/** A value that its type does not take or has no form for. Thrown and caught inside of this folder; to others it is a failure, as data. */
export class Misfit extends Error {
  readonly type: WitType;
  readonly path: string;
  /** The value in the words of a message. */
  readonly shown: string;
  readonly reason: string | undefined;

  constructor(type: WitType, path: Path, shown: string, reason?: string) {
    super(reason ?? 'it does not fit');
    this.type = type;
    this.path = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${clip(part)}`)).join('');
    this.shown = shown;
    this.reason = reason;
  }
}

export interface Refusal {
  readonly failure: Failure;
}

/**
 * Runs a conversion of a value that messages call `subject`, of type `type`. Data of the failure: `type` and `value` (as text, cut short) of the part that
 * does not fit, `path` to it (`.points[3].x`, empty for the whole), and `of`, the type of the whole.
 */
export function orRefusal<T>(subject: string, type: WitType, convert: () => T): { readonly value: T } | Refusal {
  try {
    return { value: convert() };
  } catch (error) {
    return refusalOf(subject, type, error);
  }
}

/** What was thrown in such a conversion. What is no misfit passes through. */
export function refusalOf(subject: string, type: WitType, error: unknown): Refusal {
  if (!(error instanceof Misfit)) throw error;
  return { failure: toFailure(subject, type, error) };
}

function toFailure(subject: string, whole: WitType, { type, path, shown, reason }: Misfit): Failure {
  const wanted = shortTypeText(type);
  const at = path === '' ? '' : ` at ${clip(path)}`;
  const context = path === '' ? '' : ` (all of it: ${shortTypeText(whole)})`;
  return {
    code: 'invalid',
    message: `${subject}${at} is ${shown}, not ${wanted}${reason === undefined ? '' : `: ${reason}`}${context}`,
    data: { path: clip(path), type: wanted, value: shown, of: shortTypeText(whole) },
  };
}

export function invalid(message: string, data: { readonly [key: string]: Ipld }): Refusal {
  return { failure: { code: 'invalid', message, data } };
}
