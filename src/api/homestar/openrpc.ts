/**
 * The methods as OpenRPC 1.2.6 (https://spec.open-rpc.org) describes them. What a subscription sends stands under `x-messages`, as in Homestar's document; unlike
 * there, methods and parameters are those that are answered.
 */
export function openRpcDocument(version: string): unknown {
  return {
    openrpc: '1.2.6',
    info: { title: 'docket', description: 'What Homestar 0.3 answers on its WebSocket port, answered by a Docket agent.', version },
    methods: [
      method('rpc_discover', {
        description: 'This document, as one JSON string.',
        result: { name: 'OpenRPC Schema', schema: { type: 'string' } },
      }),
      method('health', {
        description: 'Whether the agent can take work.',
        result: { name: 'health', schema: object({ healthy: { type: 'boolean' } }) },
      }),
      method('metrics', {
        description: 'What the agent counts: Prometheus’ metrics, of all names or of those that begin with a prefix.',
        params: [{ name: 'prefix', required: false, schema: object({ prefix: { type: 'string' } }, []) }],
        result: { name: 'metrics', schema: object({ metrics: { type: 'array', items: METRIC } }) },
      }),
      method('node', {
        description: 'Who the agent is, where it listens, and which peers answer.',
        result: { name: 'node_info', schema: NODE },
      }),
      method('subscribe_run_workflow', {
        description: 'Runs a workflow and tells its receipts.',
        params: [{ name: 'run', required: true, schema: RUN }],
        result: SUBSCRIPTION,
        messages: { name: 'workflow subscription messages', schema: RECEIPT },
      }),
      method('unsubscribe_run_workflow', UNSUBSCRIBE),
      method('subscribe_network_events', {
        description: 'Tells which peers begin and cease to answer.',
        result: SUBSCRIPTION,
        messages: { name: 'network subscription messages', schema: EVENT },
      }),
      method('unsubscribe_network_events', UNSUBSCRIBE),
    ],
    externalDocs: { url: 'https://github.com/ipvm-wg/homestar/tree/main/homestar-runtime/schemas' },
  };
}

type Schema = Readonly<Record<string, unknown>>;

interface Content {
  readonly name: string;
  readonly schema: Schema;
}

interface MethodSpec {
  readonly description: string;
  readonly params?: readonly (Content & { readonly required: boolean })[];
  readonly result: Content;
  readonly messages?: Content;
}

function method(name: string, { description, params = [], result, messages }: MethodSpec): unknown {
  const more = messages === undefined ? {} : { 'x-messages': messages };
  return { name, description, paramStructure: 'by-position', params, result: { ...result, required: true }, ...more };
}

function object(properties: Readonly<Record<string, Schema>>, required = Object.keys(properties)): Schema {
  return { type: 'object', properties, required };
}

const TEXTS: Schema = { type: 'object', additionalProperties: { type: 'string' } };
const LINK: Schema = object({ '/': { type: 'string', description: 'A CID.' } });
const SUBSCRIPTION: Content = { name: 'subscription_id', schema: { type: 'string', minLength: 16, maxLength: 16 } };

const UNSUBSCRIBE: MethodSpec = {
  description: 'Ends a subscription. The run goes on.',
  params: [{ name: 'subscription_id', required: true, schema: { type: 'string' } }],
  result: { name: 'unsubscribed', schema: { type: 'boolean', description: 'Whether there was such a subscription.' } },
};

const METRIC: Schema = object({
  metric_type: { enum: ['gauge', 'histogram'] },
  metric_name: { type: 'string' },
  help: { type: 'string' },
  data: {
    type: 'array',
    items: {
      oneOf: [
        object({ type: { const: 'metric' }, labels: { oneOf: [TEXTS, { type: 'null' }] }, value: { type: 'string' } }),
        object({ type: { const: 'Histogram' }, labels: TEXTS, buckets: TEXTS, count: { type: 'string' }, sum: { type: 'string' } }),
      ],
    },
  },
});

const NODE: Schema = object({
  static: object({ peer_id: { type: 'string', description: 'The key of the agent’s DID, as libp2p writes it.' } }),
  dynamic: object({ listeners: { type: 'array', items: { type: 'string' } }, connections: TEXTS }),
});

const RUN: Schema = {
  oneOf: [
    object({ name: { type: 'string' }, workflow: object({ tasks: { type: 'array', items: { type: 'object' } } }) }, ['workflow']),
    { type: 'array', items: { type: 'integer', minimum: 0, maximum: 255 }, description: 'The bytes of {name, workflow} in DAG-CBOR.' },
  ],
};

/** Sent as the list of the bytes of its DAG-JSON. */
const RECEIPT: Schema = object({
  metadata: object({ name: { type: 'string' }, replayed: { type: 'boolean' }, workflow: LINK }),
  receipt: object({
    iss: { type: 'null' },
    meta: object({ op: { type: 'string' } }),
    out: { type: 'array', minItems: 2, maxItems: 2 },
    prf: { type: 'array' },
    ran: LINK,
  }),
  receipt_cid: LINK,
});

const PEER: Schema = object({ address: { type: 'string' }, peer_id: { type: 'string' }, timestamp: { type: 'integer' } });

/** Sent as the list of the bytes of its JSON. */
const EVENT: Schema = {
  oneOf: [
    object({ connection_established: PEER }),
    object({ connection_closed: PEER }),
    object({
      outgoing_connection_error: object({ error: { type: 'string' }, peer_id: { type: 'null' }, timestamp: { type: 'integer' } }),
    }),
  ],
};
