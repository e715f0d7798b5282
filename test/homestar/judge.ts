import { createHash } from 'node:crypto';

/**
 * What Homestar's formats are, written once more from their description (DAG-CBOR, CIDv1 with SHA3-256, JSON-RPC over a WebSocket) and sharing nothing with
 * Docket: the judge of what Docket computes and sends. Values are as `JSON.parse` gives them; `{"/": CID}` is a link, `{"/": {"bytes": …}}` are bytes.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonMap = { readonly [key: string]: Json };

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >>> (bits - 5)) & 31];
    held &= 0xff;
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text) {
    held = ((held << 5) | ALPHABET.indexOf(character)) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >>> bits) & 0xff);
  }
  return Buffer.from(bytes);
}

function head(major: number, value: number): Buffer {
  const kind = major << 5;
  if (value < 24) return Buffer.of(kind | value);
  if (value < 0x100) return Buffer.of(kind | 24, value);
  const long = Buffer.alloc(9);
  if (value < 0x1_0000) return Buffer.from([kind | 25, value >> 8, value & 0xff]);
  if (value < 0x1_0000_0000) {
    long[0] = kind | 26;
    long.writeUInt32BE(value, 1);
    return long.subarray(0, 5);
  }
  long[0] = kind | 27;
  long.writeBigUInt64BE(BigInt(value), 1);
  return long;
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(9, 0xfb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

/** Canonical DAG-CBOR. A number beyond what 64 bits hold is a float, as Homestar's parser has it. */
export function cbor(value: Json): Buffer {
  if (value === null) return Buffer.of(0xf6);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value >= 2 ** 64) return float(value);
    return value < 0 ? head(1, -1 - value) : head(0, value);
  }
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...(value as readonly Json[]).map(cbor)]);
  const map = value as JsonMap;
  const [link] = Object.keys(map).length === 1 ? [map['/']] : [];
  if (typeof link === 'string') {
    const bytes = cidBytes(link);
    return Buffer.concat([Buffer.of(0xd8, 42), head(2, bytes.length + 1), Buffer.of(0), bytes]);
  }
  if (typeof link === 'object' && link !== null) {
    const bytes = Buffer.from((link as { bytes: string }).bytes, 'base64');
    return Buffer.concat([head(2, bytes.length), bytes]);
  }
  const entries = Object.entries(map).map(([key, item]) => [Buffer.from(key), item] as const);
  entries.sort(([a], [b]) => a.length - b.length || Buffer.compare(a, b));
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, item]) => [head(3, key.length), key, cbor(item)])]);
}

/** The bytes of a CID in base32. */
export function cidBytes(cid: string): Buffer {
  return fromBase32(cid.slice(1));
}

/** `bafyrmi…`: CIDv1, DAG-CBOR, SHA3-256. */
function cidOf(value: Json): string {
  return `b${base32(Buffer.concat([Buffer.of(0x01, 0x71, 0x16, 0x20), createHash('sha3-256').update(cbor(value)).digest()]))}`;
}

export interface TaskForm {
  readonly run: { readonly rsc: string; readonly op: string; readonly input: JsonMap; readonly nnc?: Json };
  readonly meta: JsonMap;
  readonly cause?: Json;
  readonly prf: readonly Json[];
}

const instruction = ({ run: { rsc, op, input, nnc = '' } }: TaskForm): JsonMap => ({ rsc, op, input, nnc });
const taskOf = (task: TaskForm): JsonMap => ({ run: instruction(task), cause: task.cause ?? null, meta: task.meta, prf: task.prf });

export const instructionCid = (task: TaskForm): string => cidOf(instruction(task));
/** What the `ran` of its receipt links to. */
export const invocationCid = (task: TaskForm): string => cidOf({ task: taskOf(task) });
export const workflowCid = (tasks: readonly TaskForm[]): string => cidOf({ tasks: tasks.map(taskOf) });

/** A notification about a receipt, decoded. */
export interface ReceiptNote {
  readonly metadata: JsonMap;
  readonly receipt: JsonMap & { readonly out: readonly [string, Json]; readonly ran: { readonly '/': string } };
  readonly receipt_cid: { readonly '/': string };
}

interface Message {
  readonly jsonrpc: string;
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly subscription?: string; readonly result?: readonly number[]; readonly event?: string } & Readonly<
    Record<string, unknown>
  >;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** A client as Homestar's are: it knows requests, replies and notifications whose method is the one it subscribed by. */
export class HomestarClient implements AsyncDisposable {
  readonly #socket: WebSocket;
  /** All that came, in order. */
  readonly messages: Message[] = [];
  #changed = Promise.withResolvers<void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.messages.push(JSON.parse(data as string) as Message);
      this.#wake();
    });
    socket.addEventListener('close', () => this.#wake());
  }

  static async connect(url: string): Promise<HomestarClient> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'));
    const client = new HomestarClient(socket);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error(`no connection to ${url}`)));
    });
    return client;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Rejects if the connection ends before. */
  async until<T>(look: () => T | undefined): Promise<T> {
    for (let found = look(); ; found = look()) {
      if (found !== undefined) return found;
      if (this.#socket.readyState > WebSocket.OPEN) throw new Error('the connection was closed');
      await this.#changed.promise;
    }
  }

  async ask(method: string, params?: Json): Promise<Message> {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) }));
    return await this.until(() => this.messages.find((message) => message.id === id));
  }

  async call(method: string, params?: Json): Promise<unknown> {
    const { result, error } = await this.ask(method, params);
    if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  }

  /** Receipts told by a subscription so far. */
  receipts(subscription: string): ReceiptNote[] {
    const notes = this.messages.filter(
      ({ method, params }) => method === 'subscribe_run_workflow' && params?.subscription === subscription,
    );
    return notes.map(
      ({ params }) => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(params!.result!))) as ReceiptNote,
    );
  }

  /** Waits for so many receipts. */
  async receiptsOf(subscription: string, count: number): Promise<ReceiptNote[]> {
    return await this.until(() => {
      const found = this.receipts(subscription);
      return found.length < count ? undefined : found;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => this.#socket.addEventListener('close', resolve));
    this.#socket.close();
    await closed;
  }
}
