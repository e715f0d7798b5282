import { AGREE_FORM, parseAgree } from '../../workflow/agree.ts';
import { z } from 'zod';
import { DocketError } from '../../errors.ts';
import type { Rights } from '../../protocol/rights.ts';
import type { RunRequest, Services, Submitted } from '../../protocol/services.ts';
import { MOST_AWAIT_TIME, WEIGHT } from '../../scheduler/driver.ts';
import { refuseLimited, refuseUntrusted } from '../relay.ts';
import { asText } from '../request-body.ts';
import { json, type Reply, route, type Route } from '../route.ts';
import { StoredCid } from '../schemas.ts';
import { RunId } from './runs.ts';

/** Workflows and plans that are to be run. */

/** Bytes of a workflow. */
const MOST_WORKFLOW = 64 * 2 ** 20;

/** Both are read as DAG-CBOR. */
const CBOR_TYPES: readonly string[] = ['application/vnd.ipld.dag-cbor', 'application/cbor'];

/** Bytes of what is said with a plan: labels of a hundred thousand tasks that are to be run again. */
const MOST_PLAN_OPTIONS = 16 * 2 ** 20;

/** How long promises on instructions outside of the workflow wait for a receipt, in ms. */
const AwaitTime = z.number().int().min(0).max(MOST_AWAIT_TIME);

/** How many agents must agree, such as `2/3`. */
const AgreeText = z
  .string()
  .regex(/^\d{1,2}\/\d{1,2}$/, `it ${AGREE_FORM}`)
  .refine((text) => parseAgree(text) !== undefined, `it ${AGREE_FORM}`);

/** Share of slots beside that of other runs, each of which has 1. */
const Weight = z.number().min(WEIGHT.least).max(WEIGHT.most);

const Options = z.object({
  slots: z.coerce.number().int().min(1).max(100_000).optional(),
  'fail-fast': z.enum(['true', 'false']).optional(),
  force: z.enum(['true', 'false']).optional(),
  'await-time': z.coerce.number().pipe(AwaitTime).optional(),
  agree: AgreeText.optional(),
  weight: z.coerce.number().pipe(Weight).optional(),
  file: z.string().max(200).default('workflow.yaml'),
  input: z.string().max(10_000_000).optional(),
});

function agreed(text: string | undefined): Pick<RunRequest, 'agree'> {
  const agree = text === undefined ? undefined : parseAgree(text);
  return agree === undefined ? {} : { agree };
}

const relay = { role: 'runner', check: (_: unknown, rights: Rights) => refuseLimited(rights) } as const;

const Started = z.object({ run: z.string() });

const Plan = z.strictObject({
  slots: z.number().int().min(1).max(100_000).optional(),
  failFast: z.boolean().default(false),
  awaitTime: AwaitTime.optional(),
  agree: AgreeText.optional(),
  weight: Weight.optional(),
  force: z.union([z.literal('all'), z.array(z.string().max(10_000)).max(100_000)]).optional(),
});

export function workRoutes({ work }: Services): Route[] {
  const started = async (what: Submitted, options: RunRequest, { rights, header }: Sender): Promise<Reply> => {
    refuseBounded(rights);
    // As whoever runs a command on the home itself is: a workflow somebody compiled says by its grants what it wants.
    const isTrusted = what.kind === 'plan' && rights.scopes.includes('admin');
    const { run, isNew } = await work.submit({
      what,
      options,
      isTrusted,
      key: keyOf(header('idempotency-key')),
      traceparent: header('traceparent'),
    });
    return json({ run }, isNew ? 201 : 200, { location: `/v1/runs/${run}` });
  };
  const replies = {
    201: { description: 'The run goes on.', schema: Started },
    200: { description: 'It was submitted before with this key.', schema: Started },
  };
  return [
    route({
      method: 'POST',
      path: '/v1/runs',
      summary:
        'Submits a workflow, in any format of a workflow file; DAG-CBOR by its media type. The header Idempotency-Key makes sending it twice safe.',
      tag: 'runs',
      scope: 'run',
      relay,
      query: Options,
      bytes: { mediaType: ['application/yaml', ...CBOR_TYPES], limit: MOST_WORKFLOW },
      replies,
      handle: async ({ query, whole, ...sender }) => {
        const { slots, 'fail-fast': failFast, 'await-time': awaitTime, agree, weight, force, file, input } = query;
        const options = {
          failFast: failFast === 'true',
          ...(force === 'true' ? { force: 'all' as const } : {}),
          ...(slots === undefined ? {} : { slots }),
          ...(awaitTime === undefined ? {} : { awaitTime }),
          ...agreed(agree),
          ...(weight === undefined ? {} : { weight }),
        };
        const bytes = await whole();
        const source = CBOR_TYPES.includes(typeOf(sender.header('content-type'))) ? bytes : asText(bytes);
        return await started({ kind: 'workflow', source, file, inputs: inputsOf(input) }, options, sender);
      },
    }),
    route({
      method: 'POST',
      path: '/v1/plans/:cid/runs',
      summary: 'Submits a plan that was compiled elsewhere and is stored here. The header Idempotency-Key makes sending it twice safe.',
      tag: 'runs',
      scope: 'run',
      relay: { role: 'runner', check: (_, rights) => refuseUntrusted(rights) },
      params: z.object({ cid: StoredCid }),
      json: Plan,
      jsonLimit: MOST_PLAN_OPTIONS,
      replies,
      handle: async ({ params, json: { slots, failFast, awaitTime, agree, weight, force }, ...sender }) => {
        const options = {
          failFast,
          ...(force === undefined ? {} : { force }),
          ...(slots === undefined ? {} : { slots }),
          ...(awaitTime === undefined ? {} : { awaitTime }),
          ...agreed(agree),
          ...(weight === undefined ? {} : { weight }),
        };
        return await started({ kind: 'plan', plan: params.cid }, options, sender);
      },
    }),
    route({
      method: 'POST',
      path: '/v1/runs/:run/resume',
      summary: 'Takes up a run that failed, was cancelled or was cut off.',
      tag: 'runs',
      scope: 'run',
      relay,
      params: RunId,
      json: Plan.pick({ slots: true, awaitTime: true }).extend({ failFast: z.boolean().optional() }),
      replies: { 202: { description: 'The run goes on.', schema: Started } },
      handle: async ({ params: { run }, json: { slots, failFast, awaitTime }, rights }) => {
        refuseBounded(rights);
        const isTrusted = rights.scopes.includes('admin');
        const options = {
          isTrusted,
          ...(slots === undefined ? {} : { slots }),
          ...(failFast === undefined ? {} : { failFast }),
          ...(awaitTime === undefined ? {} : { awaitTime }),
        };
        return json({ run: await work.resume(run, options) }, 202);
      },
    }),
  ];
}

/** The bounds of a token are for the limits of one job. */
function refuseBounded({ limits }: Rights): void {
  if (limits !== undefined) throw new DocketError('FORBIDDEN', 'the token bounds what its jobs may use, and is for jobs only');
}

/** A media type without its parameters. */
function typeOf(header = ''): string {
  return header.replace(/;.*$/s, '').trim().toLowerCase();
}

interface Sender {
  readonly rights: Rights;
  readonly header: (name: string) => string | undefined;
}

function inputsOf(text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  const parsed = z.record(z.string(), z.string()).safeParse(tryJson(text));
  if (!parsed.success) throw new DocketError('REQUEST_INVALID', 'the query parameter "input" is no JSON object of texts');
  return parsed.data;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function keyOf(header: string | undefined): string | undefined {
  if (header === undefined || (header.length > 0 && header.length <= 255)) return header;
  throw new DocketError('REQUEST_INVALID', 'an idempotency key has 1 to 255 characters');
}
