/** Something that took its time, as a trace holds it. */
export interface Span {
  /** 32 and 16 hexadecimal digits. */
  readonly trace: string;
  readonly id: string;
  readonly parent?: string;
  readonly name: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Said of one that failed. */
  readonly error?: string;
}

/** Who tells of them. */
export interface Source {
  readonly service: string;
  readonly version: string;
}

const INTERNAL = 1;
const ERROR = 2;

/** A request of OTLP over HTTP in JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. */
export function encode(spans: readonly Span[], { service, version }: Source): string {
  const resource = { attributes: attributes({ 'service.name': service, 'service.version': version }) };
  return JSON.stringify({
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'docket', version }, spans: spans.map(document) }] }],
  });
}

function document({ trace, id, parent, name, start, end, attributes: of, error }: Span): Record<string, unknown> {
  return {
    traceId: trace,
    spanId: id,
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    name,
    kind: INTERNAL,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(Math.max(start, end)),
    attributes: attributes(of),
    ...(error === undefined ? {} : { status: { code: ERROR, message: error } }),
  };
}

function attributes(of: Span['attributes']): unknown[] {
  return Object.entries(of).map(([key, value]) => {
    if (typeof value === 'string') return { key, value: { stringValue: value.toWellFormed() } };
    return { key, value: typeof value === 'boolean' ? { boolValue: value } : { intValue: String(value) } };
  });
}

/** As a text, since such a number has more digits than JSON's. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}
