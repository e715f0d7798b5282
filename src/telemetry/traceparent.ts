/** Where a trace that began elsewhere goes on. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly trace: string;
  /** 16 hexadecimal digits. */
  readonly span: string;
  /** Whether those before us keep it. */
  readonly isSampled: boolean;
}

/**
 * The header `traceparent` as https://www.w3.org/TR/trace-context has it, of this version or a later one; undefined for whatever else stands there, with which a
 * new trace begins.
 */
export function parseTraceparent(header: string | undefined): TraceParent | undefined {
  const [, version, trace, span, flags, more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header ?? '') ?? [];
  if (trace === undefined || span === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(trace) || /^0+$/.test(span)) return undefined;
  return { trace, span, isSampled: (Number.parseInt(flags ?? '', 16) & 1) === 1 };
}
