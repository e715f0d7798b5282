import { isDocketError } from '../../errors.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import { Float, type Ipld, isList, isMap } from '../../ipld/value.ts';

/**
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification), the half of a server. Messages are read as DAG-JSON, without loss: the CIDs of the workflows in them
 * depend on whether `1.0` is told from `1`.
 */

export const INVALID_PARAMS = -32602;
/** As jsonrpsee has it, which Homestar speaks through. */
export const BUSY = -32009;
/** As jsonrpsee has it. */
const TOO_MUCH = -32011;
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INTERNAL = -32603;

/** Calls in one batch. */
const MOST_CALLS = 100;

export interface Call {
  readonly id: Ipld;
  readonly method: string;
  readonly params: Ipld | undefined;
}

/** How a call fails. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Something that is to be answered: a call, or what is wrong with it. */
export type Item = { readonly call: Call } | { readonly id: Ipld; readonly error: RpcError };

/** Notifications, which nobody answers, are left out: none has a meaning here. */
export interface Message {
  readonly isBatch: boolean;
  readonly items: readonly Item[];
}

export function read(text: string): Message {
  const reason = tooMuch(text);
  if (reason !== undefined) return one(invalid(null, reason));
  let value: Ipld;
  try {
    value = DagJson.decode(text);
  } catch (error) {
    return one({ id: null, error: new RpcError(PARSE_ERROR, 'Parse error', causeOf(error)) });
  }
  if (!isList(value)) return { isBatch: false, items: itemsOf(value) };
  if (value.length === 0) return one(invalid(null, 'a batch is empty'));
  if (value.length > MOST_CALLS) return one(invalid(null, `a batch has more than ${MOST_CALLS} calls`));
  return { isBatch: true, items: value.flatMap(itemsOf) };
}

/**
 * A message is read in one go, and nobody else is served meanwhile: what would take more than about a second is refused before. A comma within a list of numbers
 * counts as such; bytes that are sent as numbers are many, and quick to read.
 */
const MOST_VALUES = 250_000;
const MOST_NUMBERS = 1_500_000;

function tooMuch(text: string): string | undefined {
  // Each takes a character at least.
  if (text.length < MOST_VALUES) return undefined;
  let values = 0;
  let numbers = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at);
    else if (code === COMMA && isDigit(text.charCodeAt(at - 1))) numbers++;
    else if (code === COMMA || code === COLON || code === LIST || code === MAP) values++;
  }
  if (values > MOST_VALUES) return `the message has more than ${MOST_VALUES} values`;
  return numbers > MOST_NUMBERS ? `the message has more than ${MOST_NUMBERS} numbers` : undefined;
}

const [QUOTE, COMMA, COLON, LIST, MAP, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5b, 0x7b, 0x5c];

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Where the quotes close, or the end. */
function endOfText(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

/** `result` is JSON. */
export function replied(id: Ipld, result: string): string {
  return `{"jsonrpc":"2.0","id":${DagJson.encode(id)},"result":${result}}`;
}

export function failed(id: Ipld, error: unknown): string {
  const { code, message, data } = rpcErrorOf(error);
  return `{"jsonrpc":"2.0","id":${DagJson.encode(id)},"error":${JSON.stringify({ code, message, data })}}`;
}

/** Characters of the replies to one message, beside the last of them. */
const MOST_REPLY = 2 ** 20;

/** Counts the replies to one message: a batch is small, and what it asks for may be large a hundred times. */
export class ReplyRoom {
  #left = MOST_REPLY;

  /** To be called before a reply is made. Throws `RpcError`. */
  check(): void {
    if (this.#left <= 0) throw new RpcError(TOO_MUCH, 'The batch response was too large', { next: 'Ask for less in one batch.' });
  }

  counted(reply: string): string {
    this.#left -= reply.length;
    return reply;
  }
}

/** `params` is JSON. */
export function notification(method: string, params: string): string {
  return `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${params}}`;
}

export function unknownMethod(method: string, next = 'rpc_discover tells those there are.'): RpcError {
  return new RpcError(METHOD_NOT_FOUND, 'Method not found', { method: method.slice(0, 100), next });
}

/** What is told of an error under `data`. */
export function causeOf(error: unknown): Readonly<Record<string, unknown>> {
  if (!isDocketError(error)) return { code: 'INTERNAL' };
  const { code, message, next, place, details } = error;
  return { code, message, next, ...(place === undefined ? {} : { place }), ...(error.http < 500 ? details : {}) };
}

/** What is not ours to tell, the agent's own faults, is told by its code alone. */
function rpcErrorOf(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (BUSY_CODES.some((code) => isDocketError(error, code))) return new RpcError(BUSY, (error as Error).message, causeOf(error));
  return new RpcError(INTERNAL, 'Internal error', causeOf(error));
}

const BUSY_CODES = ['RATE_LIMITED', 'AGENT_FULL', 'NOT_READY'] as const;

function one(item: Item): Message {
  return { isBatch: false, items: [item] };
}

function itemsOf(value: Ipld): readonly Item[] {
  if (!isMap(value)) return [invalid(null, 'a call is a map')];
  const { jsonrpc, id, method, params } = value;
  const known = isId(id) ? id : null;
  if (jsonrpc !== '2.0') return [invalid(known, '"jsonrpc" is not "2.0"')];
  if (typeof method !== 'string') return [invalid(known, '"method" is no text')];
  if (params !== undefined && !isList(params) && !isMap(params)) return [invalid(known, '"params" is neither a list nor a map')];
  if (id === undefined) return [];
  return isId(id) ? [{ call: { id, method, params } }] : [invalid(null, '"id" is neither a text, a number, nor null')];
}

function isId(id: Ipld | undefined): id is string | number | bigint | Float | null {
  return id === null || ['string', 'number', 'bigint'].includes(typeof id) || id instanceof Float;
}

function invalid(id: Ipld, reason: string): Item {
  return { id, error: new RpcError(INVALID_REQUEST, 'Invalid request', { reason }) };
}

/** The first parameter, by position; or all of them, by name. Undefined if there are none. */
export function firstOf(params: Ipld | undefined): Ipld | undefined {
  return isList(params) ? params[0] : params;
}
