import { readFileSync, statSync } from 'node:fs';
import { formatSize } from '../base/units.ts';
import { DocketError, isDocketError, systemCode } from '../errors.ts';
import { abortable } from '../store/abortable.ts';
import type { Source } from '../workflow/compile.ts';
import { decodeText, isCbor } from '../workflow/decode-text.ts';
import type { Call, OptionSpecs } from './command.ts';
import { openStream } from './open-stream.ts';
import { pairs } from './option-values.ts';

/** Of a workflow file, so that a wrong path does not fill the memory. */
const MAX_BYTES = 256 * 2 ** 20;
const SHORT = 2 ** 20;

export const INPUT_OPTION = {
  input: { type: 'value', value: 'K=V', many: true, help: 'give an input of the workflow a value' },
} as const satisfies OptionSpecs;

/** What must be right before a home is opened: the words of the call and what stands in the file. */
export interface WorkflowFile {
  readonly file: string;
  readonly source: Source;
  readonly inputs: Readonly<Record<string, string>>;
}

/** Reads the workflow the call names; `-` is stdin. Throws `USAGE`, `INPUT_UNREADABLE`, `WORKFLOW_SYNTAX`, `WORKFLOW_TOO_LARGE`. */
export async function readWorkflow(call: Call): Promise<WorkflowFile> {
  const file = call.words[0]!;
  const inputs = pairs(call, 'input');
  const bytes = await readBytes(file, call);
  return { file, inputs, source: isCbor(bytes, file) ? bytes : decodeText(bytes, file) };
}

async function readBytes(file: string, { streams, signal }: Call): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    if (file !== '-' && isShort(file)) return readFileSync(file);
    const source = file === '-' ? (streams.stdin as AsyncIterable<Uint8Array>) : openStream(file);
    for await (const chunk of abortable(source, signal)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BYTES)
        throw new DocketError('WORKFLOW_TOO_LARGE', `the file is larger than ${formatSize(MAX_BYTES)}`, { place: { file } });
    }
  } catch (cause) {
    if (isDocketError(cause)) throw cause;
    const code = systemCode(cause);
    const why =
      code === 'ENOENT'
        ? 'there is none'
        : code === 'EISDIR'
          ? 'it is a folder'
          : code === 'EACCES'
            ? 'no permission'
            : (cause as Error).message;
    const next = code === 'EISDIR' ? { next: 'Name the workflow file in it.' } : {};
    throw new DocketError('INPUT_UNREADABLE', `cannot read the workflow ${file}: ${why}`, next);
  }
  return Buffer.concat(chunks, size);
}

/** Whether it can be read in one go: nothing that may keep us waiting, and so little that a stream would take longer to set up. */
function isShort(file: string): boolean {
  const stats = statSync(file);
  return stats.isFile() && stats.size < SHORT;
}
