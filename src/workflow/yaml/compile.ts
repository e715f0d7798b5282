import type { Place } from '../../errors.ts';
import type { Plan } from '../model.ts';
import { Problems } from '../problems.ts';
import { Imports, type Sources } from '../sources.ts';
import { expand } from './expand.ts';
import { link } from './link.ts';
import { fillInputs } from './parameters.ts';
import { readFile } from './read-file.ts';
import { Reader } from './reader.ts';
import type { Source } from './source.ts';

/**
 * Compiles Docket's own format. What the text alone shows to be wrong is reported all at once (`Problems`); what needs the
 * inputs or the files, one error at a time.
 */
export async function compileYaml(source: Source, inputs: Readonly<Record<string, string>>, sources: Sources, start: Place): Promise<Plan> {
  const problems = new Problems();
  const reader = new Reader(source, problems);
  const file = readFile(source, reader);
  problems.throwIfAny();
  const order = link(file, reader);
  problems.throwIfAny();
  const values = fillInputs(file.inputs, inputs, start);
  const { builder, outputs } = await expand({ file, order, inputs: values, source, sources, imports: new Imports(sources) });
  return builder.finish({ name: file.name, outputs, groups: [...file.tasks.keys()] });
}
