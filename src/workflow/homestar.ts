import { DocketError, type ErrorCode, isDocketError, type Place } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import type { CID } from '../ipld/cid.ts';
import type { Placed } from '../ipld/dag-json.ts';
import { pointerOf } from '../ipld/pointer.ts';
import { type Ipld, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';
import { checkMeta } from './check-task.ts';
import { checkInput } from './input.ts';
import type { Instruction, Plan, Task } from './model.ts';
import { isNonce } from './nonce.ts';
import { type Draft, PlanBuilder } from './plan.ts';
import * as Resource from './resource.ts';
import { Imports, type Sources } from './sources.ts';

type Path = readonly (string | number)[];

/** Throws, with the place of what stands at `path`. */
type Fail = (path: Path, message: string, next?: string, code?: ErrorCode) => never;

interface Options {
  readonly file: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly sources: Sources;
}

/**
 * Homestar's workflow: `{tasks: [{run, cause, meta, prf}]}` with `run` = `{rsc, op, input, nnc}`, alone or with a name, `{name, workflow}`, as its clients
 * send it. As there, only these keys are kept and count in CIDs, an absent `cause` is null and an absent `nnc` is `""`. Stricter than there: `prf` must be a
 * list, and limits that cannot be enforced are refused.
 */
export async function compileHomestar(document: Placed, { inputs, sources }: Options): Promise<Plan> {
  const { json, name } = unwrapped(withPointers(document));
  const fail = failing(json);
  const root = json.value;
  if (!isMap(root)) return fail([], 'a workflow must be a map');
  if (!('tasks' in root)) return fail([], 'no tasks field set');
  if (!isList(root['tasks'])) return fail(['tasks'], '"tasks" must be a list');
  if (root['tasks'].length === 0) return fail(['tasks'], '"tasks" is empty');
  const [input] = Object.keys(inputs);
  if (input !== undefined)
    return fail([], `the workflow has no input "${input}"`, 'Workflows in this format have no inputs.', 'WORKFLOW_INPUT');
  const tasks = root['tasks'].map((task, i) => readTask(task, i, json, fail));
  const drafts = await resolveModules(tasks, sources, (i) => json.place(['tasks', i, 'run', 'rsc']));
  const builder = new PlanBuilder({ duplicates: 'refuse' });
  drafts.forEach((draft, i) => builder.add(draft, () => json.place(['tasks', i])));
  return builder.finish({ name });
}

/** A file is often one line with many tasks, so each place says also which value it is. */
function withPointers({ value, place }: Placed): Placed {
  return { value, place: (path) => ({ ...place(path), ...(path.length === 0 ? {} : { pointer: pointerOf(path.map(String)) }) }) };
}

function failing(json: Placed): Fail {
  return (path, message, next, code = 'WORKFLOW_INVALID') => {
    throw new DocketError(code, message, { place: json.place(path), ...(next === undefined ? {} : { next }) });
  };
}

/** The workflow in `{name, workflow}`, and what it is called. */
function unwrapped(document: Placed): { readonly json: Placed; readonly name?: string } {
  const root = document.value;
  if (!isMap(root) || 'tasks' in root || root['workflow'] === undefined) return { json: document };
  const { workflow, name } = root;
  const json: Placed = { value: workflow, place: (path) => document.place(['workflow', ...path]) };
  if (name === undefined) return { json };
  if (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME)
    return failing(document)(['name'], `"name" must be a text of 1 to ${LONGEST_NAME} characters`);
  return { json, name };
}

/** Characters of what a run is called. */
const LONGEST_NAME = 1_000;

function readTask(value: Ipld, index: number, json: Placed, fail: Fail): Task {
  const at = ['tasks', index];
  if (!isMap(value)) return fail(at, 'a task must be a map');
  const { run, cause = null, meta, prf } = value;
  if (isLink(run)) return fail([...at, 'run'], 'workflow tasks/instructions must be expanded / inlined');
  if (!isMap(run)) return fail([...at, 'run'], 'a task must have "run", an instruction');
  if (!isMap(meta)) return fail([...at, 'meta'], 'a task must have "meta", a map', 'Write "meta": {} for the default limits.');
  if (!isList(prf)) return fail([...at, 'prf'], 'a task must have "prf", a list', 'Write "prf": [].');
  const check = (path: Path, work: () => unknown): void => refit(work, json.place([...at, ...path]));
  const instruction = readInstruction(run, [...at, 'run'], fail);
  check(['meta'], () => checkMeta(instruction.op, meta));
  check(['run', 'input'], () => checkInput(instruction.op, instruction.input));
  return { run: instruction, cause, meta, prf };
}

function readInstruction(run: IpldMap, at: Path, fail: Fail): Instruction {
  const { rsc, op, input, nnc = '' } = run;
  if (typeof rsc !== 'string' && !isLink(rsc)) return fail([...at, 'rsc'], 'an instruction must have "rsc", a URL or a link');
  if (rsc === '') return fail([...at, 'rsc'], '"rsc" is empty');
  if (typeof rsc === 'string' && Resource.hasBadIntegrity(rsc))
    return fail([...at, 'rsc'], 'the integrity of "rsc" is none that can be checked', 'Write #sha256-… in base64 behind the URL.');
  if (typeof op !== 'string') return fail([...at, 'op'], 'an instruction must have "op", such as "wasm/run"');
  if (input === undefined) return fail([...at, 'input'], 'an instruction must have "input"');
  if (!isNonce(nnc)) return fail([...at, 'nnc'], '"nnc" must be "", 12 or 16 bytes, or these in base32hex');
  if (op !== 'wasm/run' && op !== 'wasi/run')
    return fail([...at, 'op'], `the op "${op}" is not known`, 'Known ops: wasi/run, wasm/run.', 'OP_UNKNOWN');
  return { rsc: isLink(rsc) ? `ipfs://${rsc.toV1()}` : Resource.normalize(rsc), op, input, nnc };
}

async function resolveModules(tasks: readonly Task[], sources: Sources, place: (task: number) => Place): Promise<Draft[]> {
  const imports = new Imports(sources);
  tasks.forEach(({ run: { rsc } }, i) => {
    const module = Resource.isLocal(rsc) ? Resource.localPath(rsc) : rsc;
    imports.wantModule(module, () => place(i));
  });
  for (const [i, { run }] of tasks.entries())
    for (const cid of Cid.links(run.input)) if (Resource.isFile(cid)) imports.wantNamed(cid, () => place(i));
  await imports.load();
  return tasks.map((task, i) => {
    const { rsc, op, input } = task.run;
    const module = Resource.isLocal(rsc) ? imports.module(Resource.localPath(rsc)) : moduleAt(rsc, imports);
    const func = isMap(input) && op === 'wasm/run' ? input['func'] : undefined;
    return { task, module, label: String(i), group: typeof func === 'string' ? func : op };
  });
}

function moduleAt(rsc: string, imports: Imports): CID | undefined {
  return Resource.cidOf(rsc) ?? imports.module(rsc);
}

/** Gives a refusal of the model its place in the file. */
function refit(work: () => unknown, place: Place): void {
  try {
    work();
  } catch (error) {
    if (!isDocketError(error) || error.place !== undefined) throw error;
    throw new DocketError(error.code, error.message, { cause: error, place, next: error.next, details: error.details });
  }
}
