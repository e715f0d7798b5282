import type { z } from 'zod';
import * as DagJson from '../ipld/dag-json.ts';
import { type AgentDoor, type Answer, callAgent, invalid } from '../store/agent-call.ts';
import { textLines } from '../store/text-lines.ts';

type Call = Parameters<typeof callAgent>[1];

/** Characters of a line; a task's log has its two streams and the message of its failure. */
export const LONGEST_LINE = 2 ** 20;
/** Bytes of a document. */
const MOST = 256 * 2 ** 20;

/** What an agent answers, as DAG-JSON, checked by a schema. Throws as `callAgent`. */
export async function ask<T>(door: AgentDoor, call: Call, schema: z.ZodType<T>): Promise<T> {
  return checked(door, new TextDecoder().decode(await wholeBody(door, await callAgent(door, call))), schema);
}

/** The bytes of an answer. Throws as `callAgent`. */
export async function wholeBody(door: AgentDoor, { body }: Pick<Answer, 'body'>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    if ((size += chunk.length) > MOST) throw invalid(door.url, 'its answer has no end');
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** As `ask`, for an answer of one document a line, given as they come. Empty lines only show that the agent lives. */
export async function* askLines<T>(door: AgentDoor, call: Call, schema: z.ZodType<T>): AsyncGenerator<T> {
  for await (const line of textLines(door.url, (await callAgent(door, call)).body, LONGEST_LINE))
    if (line !== '') yield checked(door, line, schema);
}

function checked<T>(door: AgentDoor, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = DagJson.decode(text);
  } catch {
    throw invalid(door.url, 'its answer is not DAG-JSON');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(door.url, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

/** The body of a request. */
export function jsonBody(value: unknown): Pick<Call, 'body' | 'headers'> {
  return { body: new TextEncoder().encode(JSON.stringify(value)), headers: { 'content-type': 'application/json' } };
}
