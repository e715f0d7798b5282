import { invalid } from './agent-call.ts';

/** The lines of an answer as they come. Throws as its body, and `AGENT_INVALID` if one has more than `longest` characters, or the last no end. */
export async function* textLines(url: string, body: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longest) throw invalid(url, 'a line of its answer has no end');
    yield* lines;
  }
  if (rest !== '') throw invalid(url, 'its answer ends in the middle of a line');
}
