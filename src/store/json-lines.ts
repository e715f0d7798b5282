import { type Answer, invalid } from './agent-call.ts';

/** Characters of a line. */
const LONGEST = 64 * 1024;

/** The objects of an answer that has one a line; empty lines only show that the agent lives. Throws as the answer's body, `AGENT_INVALID`. */
export async function* jsonLines(url: string, { body }: Pick<Answer, 'body'>): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST) throw invalid(url, 'a line of its answer does not end');
    for (const line of lines) if (line !== '') yield parsed(url, line);
  }
  if (rest !== '') throw invalid(url, 'its answer ends in the middle of a line');
}

function parsed(url: string, line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {}
  throw invalid(url, 'a line of its answer is no JSON object');
}
