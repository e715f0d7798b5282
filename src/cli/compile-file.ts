import type { Importer } from '../agent/importer.ts';
import type { ResourceSource } from '../agent/resources/shelf.ts';
import { localSources } from '../agent/sources.ts';
import { formatSize } from '../base/units.ts';
import { compile } from '../workflow/compile.ts';
import type { Plan } from '../workflow/model.ts';
import type { Call } from './command.ts';
import { printable } from './present.ts';
import type { WorkflowFile } from './read-workflow.ts';

/** Characters or bytes of a workflow that takes a second or more to compile, so that somebody may wonder. */
const LARGE = 2 ** 20;

/** Compiles a workflow; the files it names are imported, what it names elsewhere is fetched if there are `resources`, which a terminal is told about if it takes a while. */
export async function compileFile(
  call: Call,
  importer: Importer,
  { file, source, inputs }: WorkflowFile,
  { resources }: { readonly resources?: ResourceSource } = {},
): Promise<Plan> {
  const { stderr } = call.streams;
  if (source.length >= LARGE) stderr.write(`reading ${printable(file)}: ${formatSize(source.length)}\n`);
  let told = false;
  const onImport = (files: number): void => {
    if (!stderr.isTTY) return;
    stderr.write(`\r\u001B[Kreading inputs: ${files} files`);
    told = true;
  };
  try {
    const sources = localSources(file, importer, {
      reach: [process.cwd(), ...Object.values(inputs)],
      signal: call.signal,
      resources,
      onImport,
    });
    return await compile(source, { file, inputs, sources });
  } finally {
    if (told) stderr.write('\r\u001B[K');
  }
}
