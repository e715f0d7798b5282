import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Engine } from '../agent/engine.ts';
import { localSources } from '../agent/sources.ts';
import { statIndexOf } from '../agent/stat-index.ts';
import { DocketError } from '../errors.ts';
import { compile } from '../workflow/compile.ts';
import type { Plan } from '../workflow/model.ts';
import type { Call, OptionSpecs } from './command.ts';
import { pairs } from './option-values.ts';

export const INPUT_OPTION = {
  input: { type: 'value', value: 'K=V', many: true, help: 'give an input of the workflow a value' },
} as const satisfies OptionSpecs;

/** What must be right before a home is opened: the words of the call and the text of the file. */
export interface WorkflowText {
  readonly file: string;
  readonly text: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/** Reads the workflow the call names; `-` is stdin. Throws `USAGE`, `INPUT_UNREADABLE`, `WORKFLOW_SYNTAX`. */
export async function readWorkflow(call: Call): Promise<WorkflowText> {
  const file = call.words[0]!;
  const inputs = pairs(call, 'input');
  let bytes: Uint8Array;
  try {
    bytes = file === '-' ? await buffer(call.streams.stdin) : await readFile(file);
  } catch (cause) {
    throw new DocketError('INPUT_UNREADABLE', `cannot read the workflow ${file}: ${(cause as Error).message}`);
  }
  try {
    return { file, inputs, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw new DocketError('WORKFLOW_SYNTAX', 'the file is not text in UTF-8', {
      place: { file },
      next: 'Save it as UTF-8, or check the path.',
    });
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
    const sources = localSources(file, { store: engine.store, statIndex: statIndexOf(engine), signal: call.signal, onImport });
    return await compile(text, { file, inputs, sources });
  } finally {
    if (told) stderr.write('\r\u001B[K');
  }
}
