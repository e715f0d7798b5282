import { DocketError, isDocketError } from '../errors.ts';
import { decodeWithPlaces, type Placed } from '../ipld/dag-json.ts';
import { isList, isMap } from '../ipld/value.ts';
import type { Plan } from './model.ts';
import type { Sources } from './sources.ts';

export interface CompileOptions {
  /** Name of the file, for the places of errors; its extension helps to tell the format. */
  readonly file: string;
  /** Values for the workflow's `inputs`. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly sources: Sources;
}

/** What a workflow file holds: text, or DAG-CBOR. */
export type Source = string | Uint8Array;

/**
 * Turns a workflow file into a plan. DAG-CBOR is Homestar's format, and so is JSON whose `tasks` is a list, read as DAG-JSON; anything
 * else is Docket's own, in YAML or as JSON.
 *
 * Throws `DocketError` with file, line and column: `WORKFLOW_*`, `OP_UNKNOWN`, `LIMIT_REFUSED`, and what the sources throw.
 * If the text alone has several problems, `details.problems` lists them all (`code`, `message`, `place`, `next`).
 */
export async function compile(content: Source, { file, inputs, sources }: CompileOptions): Promise<Plan> {
  if (typeof content !== 'string') {
    const [{ compileHomestar }, { readCbor }] = await Promise.all([import('./homestar.ts'), import('./homestar-cbor.ts')]);
    return compileHomestar(readCbor(content, file), { file, inputs, sources });
  }
  const source = content.startsWith('\uFEFF') ? content.slice(1) : content;
  const json = readJson(source, file);
  // Only the one that is wanted is loaded: the library that reads YAML takes longer for that than most workflows take to compile.
  if (json !== undefined) return (await import('./homestar.ts')).compileHomestar(json, { file, inputs, sources });
  const [{ parse }, { compileYaml }] = await Promise.all([import('./yaml/source.ts'), import('./yaml/compile.ts')]);
  return compileYaml(parse(source, file), inputs, sources, { file, line: 1, column: 1 });
}

/** The document if it is Homestar's. JSON in a file of another name may be YAML that only begins like JSON, so its errors count only in `.json`. */
function readJson(text: string, file: string): Placed | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  const isNamedJson = file.endsWith('.json');
  try {
    const placed = decodeWithPlaces(text, { file });
    const isOwn = isMap(placed.value) && 'tasks' in placed.value && !isList(placed.value['tasks']);
    return isOwn || (!isNamedJson && !isMap(placed.value)) ? undefined : placed;
  } catch (error) {
    if (!isNamedJson || !isDocketError(error)) return undefined;
    throw new DocketError('WORKFLOW_SYNTAX', error.message, { cause: error, ...(error.place === undefined ? {} : { place: error.place }) });
  }
}
