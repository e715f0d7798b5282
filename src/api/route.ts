import type { z } from 'zod';
import type { CID } from '../ipld/cid.ts';
import type { Role } from '../protocol/peers.ts';
import type { Rights, Scope } from '../protocol/rights.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a handler is given; all of it is checked. */
export interface ApiRequest<Params = unknown, Query = unknown, Json = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly json: Json;
  /** The body of a route that takes bytes. Throws `BODY_TOO_LARGE` on the way. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** All of them, held in memory until the request is answered. Throws `AGENT_FULL` too. */
  readonly whole: () => Promise<Buffer>;
  /** Of who asks; nothing at a route without a scope. */
  readonly rights: Rights;
  /** By its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** Through how many agents it came. */
  readonly hops: number;
  /** Aborted when the caller goes away or the agent stops. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is opened only if somebody wants the bytes. */
  readonly body?: string | Uint8Array | (() => AsyncIterable<Uint8Array>);
}

type ReplySpec = { readonly description: string } & (
  | { readonly schema?: z.ZodType }
  | {
      readonly mediaType:
        | 'application/octet-stream'
        | 'text/plain'
        | 'application/toml'
        | 'text/html'
        | 'application/jsonl'
        | 'text/css'
        | 'text/javascript';
    }
);

/** For an agent that is without a role: what a peer that has it answers. */
export interface Relaying<Params = unknown> {
  readonly role: Role;
  /** The blob that a reply of 200 is. */
  readonly blob?: (params: Params) => CID;
  /** Whether it can be answered here all the same. Default no. */
  readonly isHere?: (params: Params) => Promise<boolean> | boolean;
  /** Throws if who asks may not have it handed on, since a peer knows nothing of their rights. */
  readonly check?: (params: Params, rights: Rights) => void;
}

/** One operation of the API, as data: what checks requests and what describes them are the same. */
export interface Route {
  readonly method: Method;
  /** `:name` parts, and `*` at the end for the rest of the path, slashes included; that is the param `rest`. */
  readonly path: string;
  readonly summary: string;
  /** The group it stands in. */
  readonly tag: string;
  /** Undefined for what anybody may ask. */
  readonly scope?: Scope;
  /** Whether a token for single modules will do. Default false. */
  readonly forModules?: boolean;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly json?: z.ZodType;
  /** Bytes of JSON at most. Default 1 MiB. */
  readonly jsonLimit?: number;
  /** Bytes in the body, at most so many; undefined for those of any number. */
  readonly bytes?: { readonly mediaType: string | readonly string[]; readonly limit?: number };
  readonly replies: Readonly<Record<number, ReplySpec>>;
  /** Undefined for what every agent answers itself. */
  readonly relay?: Relaying;
  readonly handle: (request: ApiRequest) => Promise<Reply> | Reply;
}

type Out<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** A route whose handler knows the types its schemas give. */
export function route<P extends z.ZodType | undefined, Q extends z.ZodType | undefined, J extends z.ZodType | undefined>(
  spec: Omit<Route, 'params' | 'query' | 'json' | 'relay' | 'handle'> & {
    readonly params?: P;
    readonly query?: Q;
    readonly json?: J;
    readonly relay?: Relaying<Out<P>>;
    readonly handle: (request: ApiRequest<Out<P>, Out<Q>, Out<J>>) => Promise<Reply> | Reply;
  },
): Route {
  return spec as unknown as Route;
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

export function text(value: string, status = 200): Reply {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: value };
}
