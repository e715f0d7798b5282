import { DocketError } from '../errors.ts';

export interface ByteRange {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

/**
 * The one range of bytes a `Range` header asks for; undefined where it asks for none, or for what need not be understood: several ranges, other units (RFC 9110,
 * 14.2). Throws `RANGE_INVALID`.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{0,40})-(\d{0,40})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= size) throw new DocketError('RANGE_INVALID', `the blob has ${size} bytes`, { details: { size } });
  return { start, end };
}
