import { readFile } from 'node:fs/promises';
import type { Engine } from '../agent/engine.ts';
import { localSources } from '../agent/sources.ts';
import { statIndexOf } from '../agent/stat-index.ts';
import { DocketError } from '../errors.ts';
import { compile } from '../workflow/compile.ts';
import type { Plan } from '../workflow/model.ts';
import type { Call, OptionSpecs } from './command.ts';

export const INPUT_OPTION = {
  input: { type: 'value', value: 'K=V', many: true, help: 'give an input of the workflow a value' },
} as const satisfies OptionSpecs;

/** What must be right before a home is opened: the words of the call and the text of the file. */
export interface WorkflowText {
  readonly file: string;
  readonly text: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/** Reads the workflow file the call names. Throws `USAGE`, `WORKFLOW_SYNTAX`. */
export async function readWorkflow(call: Call): Promise<WorkflowText> {
  const file = call.words[0]!;
  const inputs = parseInputs(call.values('input'));
  try {
    return { file, inputs, text: await readFile(file, 'utf8') };
  } catch (cause) {
    throw new DocketError('WORKFLOW_SYNTAX', `cannot read the workflow ${file}: ${(cause as Error).message}`, { next: 'Check the path.' });
  }
}

/** Compiles it; the files it names are imported, which a terminal is told about if it takes a while. */
export async function compileFile(call: Call, engine: Engine, { file, text, inputs }: WorkflowText): Promise<Plan> {
  const { stderr } = call.streams;
  let told = false;
  const onImport = (files: number): void => {
    if (!stderr.isTTY) return;
    stderr.write(`\r\u001B[Kreading inputs: ${files} files`);
    told = true;
  };
  try {
    return await compile(text, { file, inputs, sources: localSources(file, { store: engine.store, statIndex: statIndexOf(engine), signal: call.signal, onImport }) });
  } finally {
    if (told) stderr.write('\r\u001B[K');
  }
}

function parseInputs(pairs: readonly string[]): Record<string, string> {
  const inputs: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new DocketError('USAGE', `--input takes NAME=VALUE, not "${pair}"`);
    const name = pair.slice(0, at);
    if (Object.hasOwn(inputs, name)) throw new DocketError('USAGE', `--input ${name} is given twice`);
    inputs[name] = pair.slice(at + 1);
  }
  return inputs;
}
