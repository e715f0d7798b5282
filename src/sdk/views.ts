import { z } from 'zod';
import * as Cid from '../ipld/cid.ts';
import { Float, type Ipld, isLink } from '../ipld/value.ts';
import { SCOPES } from '../protocol/rights.ts';

/** What an agent answers with, checked: it may be of another version, or none. Values are as DAG-JSON has them, times ISO 8601 where people read them. */

const link = z.custom<Cid.CID>(isLink, 'it is no link');
const ipld = z.custom<Ipld>((value) => value !== undefined);
const cidText = z.string().transform((text) => Cid.parse(text));
const isoTime = z.iso.datetime().transform((text) => Date.parse(text));
const count = z.number().int().min(0);
/** 1.0 arrives as a float. */
const amount = z.union([z.number(), z.instanceof(Float).transform(({ value }) => value)]);
const optional = <T extends z.ZodType>(schema: T) => schema.optional().transform((value): z.output<T> | undefined => value);

const Counts = z.object({ total: count, ran: count, cached: count, failed: count, skipped: count, cancelled: count });
const RunStates = z.enum(['running', 'completed', 'failed', 'cancelled', 'interrupted']);

export const Run = z.object({
  run: z.string(),
  name: z.string(),
  workflow: cidText,
  plan: cidText.nullable(),
  state: RunStates,
  created: isoTime,
  finished: isoTime.nullable(),
  tasks: Counts.nullable(),
  outputs: z.record(z.string(), ipld),
  slots: count.nullable(),
  failFast: z.boolean(),
  coordinator: optional(z.string()),
  awaits: optional(z.string()),
  unsecured: optional(z.object({ code: z.string().exactOptional(), message: z.string().exactOptional() })),
  failure: z.object({ code: z.string(), message: z.string(), next: z.string() }).exactOptional(),
  fetching: optional(z.array(z.object({ resource: z.string(), from: z.string().nullable(), bytes: count, size: count.nullable() }))),
  fetched: optional(
    z.array(
      z.object({ resource: z.string(), from: z.string(), bytes: count, seconds: z.number(), blob: z.string(), isVerified: z.boolean() }),
    ),
  ),
});
export const Runs = z.object({ runs: z.array(Run) });
export const Started = z.object({ run: z.string() });
export const Stopped = z.object({ state: RunStates });

export const Tasks = z.object({
  tasks: z.array(
    z.object({
      index: count,
      label: z.string(),
      instruction: z.string(),
      state: z.string(),
      via: z.string().nullable(),
      attempts: count,
      receipt: z.string().nullable(),
      // Agents that are older than it do not say.
      agent: z.string().nullable().default(null),
      error: z.string().nullable(),
    }),
  ),
  total: count,
});
export const Graph = z.object({ tasks: z.array(z.object({ label: z.string(), group: z.string(), awaits: z.array(count) })) });

export const Log = z.object({
  label: z.string(),
  state: z.string(),
  via: z.string().nullable(),
  stdout: ipld,
  stderr: ipld,
  failure: z.string().nullable(),
});

const Earlier = z.object({ receipt: link, at: count, failure: optional(z.string()) });
const Difference = z.object({
  field: z.string(),
  path: z.array(z.union([z.string(), count])),
  before: optional(ipld),
  after: optional(ipld),
  from: optional(z.string()),
});
const Because = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['forced', 'memo: never']) }),
  z.object({ kind: z.literal('impure'), grants: z.array(z.string()), isOpen: z.boolean() }),
  z.object({ kind: z.enum(['blobs gone', 'at the same time', 'failed before']), earlier: Earlier }),
  z.object({ kind: z.enum(['checked', 'not believed']), earlier: Earlier.extend({ issuer: z.string() }) }),
]);
const others = {
  issuer: optional(z.string()),
  assents: optional(z.array(z.object({ receipt: link, issuer: z.string() }))),
  dissents: optional(z.array(z.object({ receipt: link, issuer: z.string(), failure: optional(z.string()) }))),
};
const ungiven = optional(z.object({ grants: z.array(z.string()), members: count }));
const Explanation = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('found'),
    by: z.enum(['declared', 'resolved']),
    receipt: link,
    failure: optional(z.string()),
    ...others,
  }),
  z.object({ kind: z.literal('refused'), receipt: link, failure: optional(z.string()), hasRun: z.boolean() }),
  z.object({
    kind: z.literal('pending'),
    lacks: optional(z.string()),
    member: optional(z.string()),
    tried: optional(z.object({ receipt: link, failure: optional(z.string()) })),
    held: optional(link),
    ungiven,
  }),
  z.object({ kind: z.literal('cancelled') }),
  z.object({ kind: z.literal('unneeded'), wantedBy: z.array(z.string()), before: optional(z.object({ member: optional(z.string()) })) }),
  z.object({
    kind: z.literal('skipped'),
    cause: optional(z.string()),
    causeState: optional(z.enum(['ok', 'failed', 'skipped', 'cancelled'])),
    failure: optional(z.string()),
  }),
  z.object({
    kind: z.literal('ran'),
    receipt: link.nullable(),
    failure: optional(z.string()),
    because: optional(Because),
    ungiven,
    ...others,
    nearest: optional(z.object({ receipt: link, at: count, label: z.string(), differences: z.array(Difference) })),
  }),
]);
export const Why = z.object({ label: z.string(), why: Explanation });

export const Check = z.object({
  what: z.string(),
  state: z.enum(['good', 'bad', 'absent', 'unchecked']),
  message: z.string().exactOptional(),
});
const Damage = z.object({ name: z.string(), problem: z.string(), next: z.string() });
export const Looked = z.object({
  kind: z.enum(['structure', 'blob', 'receipt', 'key', 'run', 'task', 'manifest', 'token', 'alias']),
  damage: Damage.exactOptional(),
});
export const Alias = z.object({ alias: cidText, blob: cidText });
export const Receipts = z.object({ receipts: z.array(z.object({ receipt: link, at: count, out: z.string() })) });

export const Named = z.object({
  name: z.string(),
  shown: z.string(),
  version: z.string(),
  written: z.string(),
  manifest: link,
  module: link,
  isRemoved: z.boolean(),
  at: count,
});
export const Names = z.object({ modules: z.array(z.object({ latest: Named, versions: count })) });
export const Versions = z.object({ versions: z.array(Named) });
export const Removed = z.object({ removed: z.array(z.string()) });

const Limits = z.object({
  memory: count.exactOptional(),
  time: count.exactOptional(),
  output: count.exactOptional(),
  openFiles: count.exactOptional(),
  fuel: count.exactOptional(),
});
const Rights = z.object({
  scopes: z.array(z.enum(SCOPES)),
  modules: z.array(z.string()).exactOptional(),
  limits: Limits.exactOptional(),
});
const Token = z.object({ id: z.string(), rights: Rights, created: count, expires: count.nullable() });
export const NewToken = Token.extend({ token: z.string() });
export const Tokens = z.object({ tokens: z.array(Token) });

export const Trust = z.object({
  agents: z.array(
    z.object({
      did: z.string(),
      verdict: z.enum(['trusted', 'distrusted']),
      name: z.string().nullable(),
      why: z.string(),
      at: count,
      evidence: z.array(z.string()),
    }),
  ),
  refusals: z.array(z.object({ issuer: z.string().nullable(), reason: z.string(), count, message: z.string(), at: count })),
});

const Failure = z.object({ task: z.string(), code: z.string(), message: z.string(), skipped: count });
/** The data of the event that ends a run. */
export const Ended = z.object({
  state: z.enum([...RunStates.options, 'deleted']),
  errors: z.array(Failure).default([]),
  moreErrors: count.default(0),
  seconds: amount.default(0),
});
export const Broken = z.object({ code: z.string(), message: z.string() });
