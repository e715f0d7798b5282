import { type Answer, invalid } from './agent-call.ts';
import { textLines } from './text-lines.ts';

/** Characters of a line. */
const LONGEST = 64 * 1024;

/** The objects of an answer that has one a line; empty lines only show that the agent lives. Throws as the answer's body, `AGENT_INVALID`. */
export async function* jsonLines(url: string, { body }: Pick<Answer, 'body'>): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for await (const line of textLines(url, body, LONGEST)) if (line !== '') yield parsed(url, line);
}

function parsed(url: string, line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {}
  throw invalid(url, 'a line of its answer is no JSON object');
}
