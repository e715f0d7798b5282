import { isDocketError } from '../errors.ts';
import type { AliasRecords, ModuleRecords, ReceiptRecords, Records, RunRecords, TokenRecords } from '../protocol/records.ts';
import { type AgentDoor, callAgent, finish } from '../store/agent-call.ts';
import type { TrustRecords } from '../protocol/trust.ts';
import type { Store } from '../store/store.ts';
import { ask, askLines, jsonBody, wholeBody } from './ask.ts';
import { followEvents } from './follow-events.ts';
import * as View from './views.ts';

/** What an agent keeps, over its HTTP API: the other end of `src/api/`. Throws as the agent does, and what `callAgent` throws. */
export function remoteRecords(door: AgentDoor, store: Store): Records {
  return {
    place: door.url,
    store,
    modules: moduleRecords(door),
    runs: runRecords(door),
    receipts: receiptRecords(door),
    tokens: tokenRecords(door),
    trust: trustRecords(door),
    aliases: aliasRecords(door),
    check: (cids, signal) =>
      askLines(door, { method: 'POST', path: '/v1/check', ...jsonBody({ cids: cids.map(String) }), signal }, View.Looked),
  };
}

function moduleRecords(door: AgentDoor): ModuleRecords {
  const at = (reference: string): string => `/v1/modules/${encodeURIComponent(reference)}`;
  return {
    push: (manifest, module) =>
      ask(door, { method: 'POST', path: '/v1/modules', ...jsonBody({ manifest, module: module.toString() }) }, View.Named),
    find: (reference) => ask(door, { method: 'GET', path: at(reference) }, View.Named),
    names: async () => (await ask(door, { method: 'GET', path: '/v1/modules' }, View.Names)).modules,
    versions: async (name) => (await ask(door, { method: 'GET', path: `${at(name)}/versions` }, View.Versions)).versions,
    remove: async (reference) => (await ask(door, { method: 'DELETE', path: at(reference) }, View.Removed)).removed,
  };
}

/** Tasks an agent gives at a time. */
const MOST_TASKS = 10_000;

function runRecords(door: AgentDoor): RunRecords {
  const at = (run: string, part = '', query: Readonly<Record<string, string | number>> = {}): string =>
    `/v1/runs/${encodeURIComponent(run)}${part}${queryOf(query)}`;
  return {
    async list({ limit, state, before }) {
      const query = { limit, ...(state === undefined ? {} : { state }), ...(before === undefined ? {} : { before }) };
      return (await ask(door, { method: 'GET', path: `/v1/runs${queryOf(query)}` }, View.Runs)).runs;
    },
    find: (word) => ask(door, { method: 'GET', path: at(word) }, View.Run),
    tasks: (run, { from, limit }) =>
      ask(door, { method: 'GET', path: at(run, '/tasks', { from, limit: Math.min(limit, MOST_TASKS) }) }, View.Tasks),
    graph: (run) => ask(door, { method: 'GET', path: at(run, '/graph') }, View.Graph),
    why: (run, task) => ask(door, { method: 'GET', path: at(run, '/why', { task }) }, View.Why),
    logs: (run, task) => askLines(door, { method: 'GET', path: at(run, '/logs', task === undefined ? {} : { task }) }, View.Log),
    cancel: async (run, signal) => (await ask(door, { method: 'POST', path: at(run, '/cancel'), signal }, View.Stopped)).state,
    delete: async (run) => await finish(await callAgent(door, { method: 'DELETE', path: at(run) })),
    events: (run, after, signal) => followEvents(door, run, { after, signal }),
  };
}

function receiptRecords(door: AgentDoor): ReceiptRecords {
  return {
    async get(cid) {
      try {
        const headers = { accept: 'application/vnd.ipld.dag-cbor' };
        return await wholeBody(door, await callAgent(door, { method: 'GET', path: `/v1/receipts/${cid}`, headers }));
      } catch (error) {
        if (isDocketError(error, 'RECEIPT_UNKNOWN')) return undefined;
        throw error;
      }
    },
    ofInstruction: async (instruction, limit) => {
      const path = `/v1/receipts${queryOf({ instruction: instruction.toString(), limit })}`;
      return (await ask(door, { method: 'GET', path }, View.Receipts)).receipts;
    },
    check: (cid) => askLines(door, { method: 'GET', path: `/v1/receipts/${cid}/check` }, View.Check),
  };
}

function tokenRecords(door: AgentDoor): TokenRecords {
  return {
    create: (rights, lifetime) =>
      ask(
        door,
        { method: 'POST', path: '/v1/tokens', ...jsonBody({ ...rights, ...(lifetime === undefined ? {} : { lifetime }) }) },
        View.NewToken,
      ),
    list: async () => (await ask(door, { method: 'GET', path: '/v1/tokens' }, View.Tokens)).tokens,
    revoke: async (id) => await finish(await callAgent(door, { method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(id)}` })),
  };
}

function trustRecords(door: AgentDoor): TrustRecords {
  const at = (did: string): string => `/v1/trust/${encodeURIComponent(did)}`;
  return {
    list: () => ask(door, { method: 'GET', path: '/v1/trust' }, View.Trust),
    add: async (did, name) =>
      await finish(await callAgent(door, { method: 'PUT', path: at(did), ...jsonBody(name === undefined ? {} : { name }) })),
    remove: async (did) => await finish(await callAgent(door, { method: 'DELETE', path: at(did) })),
  };
}

function aliasRecords(door: AgentDoor): AliasRecords {
  return {
    async find(name) {
      try {
        return (await ask(door, { method: 'GET', path: `/v1/aliases/${name}` }, View.Alias)).blob;
      } catch (error) {
        if (isDocketError(error, 'BLOB_MISSING')) return undefined;
        throw error;
      }
    },
    name: async (blob) =>
      (await ask(door, { method: 'POST', path: '/v1/aliases', ...jsonBody({ blob: blob.toString() }) }, View.Alias)).alias,
  };
}

function queryOf(query: Readonly<Record<string, string | number>>): string {
  const text = new URLSearchParams(Object.entries(query).map(([key, value]): [string, string] => [key, String(value)])).toString();
  return text === '' ? '' : `?${text}`;
}
