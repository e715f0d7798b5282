import { DocketError } from '../../errors.ts';
import type { Ipld } from '../../ipld/value.ts';
import type { OutputSpec, Parameter, TaskSpec, WorkflowFile } from './model.ts';
import { readSettings } from './read-settings.ts';
import { type Defaults, NO_DEFAULTS, readEnv, readTask } from './read-task.ts';
import { readFrom } from './read-value.ts';
import type { Reader } from './reader.ts';
import type { MapNode, Node, Source } from './source.ts';

/** Tasks an author may write out by hand; more come from `each`. */
const MAX_TASKS = 20_000;

const KEYS = ['docket', 'name', 'description', 'inputs', 'defaults', 'tasks', 'outputs'] as const;
const TYPES = ['string', 'integer', 'number', 'boolean'] as const;
/** Of tasks and outputs; `--out` makes files with the names of outputs. */
const TASK_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const NAME_RULE = 'Names hold letters, digits, _, - and ., and begin with a letter, digit or _.';
const INPUT_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** Reads the whole file, noting every problem. Throws at once only `WORKFLOW_TOO_LARGE`. */
export function readFile(source: Source, reader: Reader): WorkflowFile {
  const root = reader.map(source.root, 'a workflow');
  const none: WorkflowFile = { name: undefined, inputs: new Map(), tasks: new Map(), outputs: [] };
  if (root === undefined) return none;
  reader.checkKeys(root, 'a workflow', KEYS);
  const version = reader.get(root, 'docket');
  if (version !== undefined && !(version.kind === 'scalar' && version.value === 1n)) {
    reader.problem(
      version.at,
      '"docket" must be 1, the version of the format that this Docket reads',
      'Upgrade Docket if the file was written for a later one.',
    );
  }
  const name = readOptionalText(root, 'name', reader);
  if (name === '') reader.problem(reader.get(root, 'name')!.at, '"name" is empty');
  readOptionalText(root, 'description', reader);
  const inputs = readInputs(reader.get(root, 'inputs'), reader);
  const names = new Set(inputs.keys());
  const defaults = readDefaults(reader.get(root, 'defaults'), names, reader);
  const tasks = readTasks(root, defaults, names, source, reader);
  return { name, inputs, tasks, outputs: readOutputs(reader.get(root, 'outputs'), names, reader) };
}

function readOptionalText(map: MapNode, key: string, reader: Reader): string | undefined {
  const node = reader.get(map, key);
  return node === undefined ? undefined : reader.text(node, `"${key}"`);
}

function readInputs(node: Node | undefined, reader: Reader): Map<string, Parameter> {
  const inputs = new Map<string, Parameter>();
  for (const [name, { keyAt, value }] of (node === undefined ? undefined : reader.map(node, '"inputs"'))?.entries ?? []) {
    if (!INPUT_NAME.test(name))
      reader.problem(keyAt, `"${name}" cannot name an input`, 'Names begin with a letter or _, and hold letters, digits, _ and -.');
    const map = reader.map(value, `input "${name}"`);
    if (map !== undefined) inputs.set(name, readParameter(name, map, reader));
  }
  return inputs;
}

function readParameter(name: string, map: MapNode, reader: Reader): Parameter {
  reader.checkKeys(map, `input "${name}"`, ['default', 'description', 'type']);
  const description = readOptionalText(map, 'description', reader);
  const typeNode = reader.get(map, 'type');
  const type = typeNode === undefined ? undefined : reader.oneOf(typeNode, `"type" of input "${name}"`, TYPES);
  const node = reader.get(map, 'default');
  if (node === undefined) return { type: type ?? 'string', fallback: undefined, description };
  const found = node.kind === 'scalar' ? typeOf(node.value) : undefined;
  const wanted = type ?? found;
  if (node.kind !== 'scalar' || wanted === undefined || found === undefined) {
    reader.problem(node.at, `"default" of input "${name}" must be text, a number, true or false`);
  } else if (found !== wanted && !(wanted === 'number' && found === 'integer')) {
    reader.problem(node.at, `"default" of input "${name}" is not of type ${wanted}`);
  } else {
    return { type: wanted, fallback: reader.scalar(node, `"default" of input "${name}"`) satisfies Ipld | undefined, description };
  }
  return { type: wanted ?? 'string', fallback: undefined, description };
}

function typeOf(value: unknown): Parameter['type'] | undefined {
  if (typeof value === 'bigint') return 'integer';
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? (typeof value as 'string' | 'number' | 'boolean')
    : undefined;
}

function readDefaults(node: Node | undefined, inputs: ReadonlySet<string>, reader: Reader): Defaults {
  const map = node === undefined ? undefined : reader.map(node, '"defaults"');
  if (map === undefined) return NO_DEFAULTS;
  reader.checkKeys(map, '"defaults"', ['limits', 'retry', 'needs', 'env']);
  const env = reader.get(map, 'env');
  return {
    settings: readSettings(map, reader),
    env: env === undefined ? new Map() : readEnv(env, '"env" of "defaults"', { inputs, items: false }, reader),
  };
}

function readTasks(root: MapNode, defaults: Defaults, inputs: ReadonlySet<string>, source: Source, reader: Reader): Map<string, TaskSpec> {
  const tasks = new Map<string, TaskSpec>();
  const node = reader.get(root, 'tasks');
  if (node === undefined) {
    reader.problem(root.at, 'the workflow has no "tasks"', 'Add at least one: tasks: { hello: { module: hello.wasm } }');
    return tasks;
  }
  const map = reader.map(node, '"tasks"');
  if (map === undefined) return tasks;
  if (map.entries.size === 0) reader.problem(node.at, '"tasks" is empty', 'Add at least one: tasks: { hello: { module: hello.wasm } }');
  if (map.entries.size > MAX_TASKS) {
    throw new DocketError('WORKFLOW_TOO_LARGE', `the workflow has ${map.entries.size} tasks written out, more than ${MAX_TASKS}`, {
      place: source.place(node.at),
    });
  }
  for (const [name, { keyAt, value }] of map.entries) {
    if (!TASK_NAME.test(name)) reader.problem(keyAt, `"${name}" cannot name a task`, NAME_RULE);
    const task = readTask(name, value, defaults, inputs, reader);
    if (task !== undefined) tasks.set(name, task);
  }
  return tasks;
}

function readOutputs(node: Node | undefined, inputs: ReadonlySet<string>, reader: Reader): OutputSpec[] {
  const map = node === undefined ? undefined : reader.map(node, '"outputs"');
  return [...(map?.entries ?? [])].flatMap(([name, { keyAt, value }]) => {
    if (!TASK_NAME.test(name)) reader.problem(keyAt, `"${name}" cannot name an output`, NAME_RULE);
    const entry = reader.map(value, `output "${name}"`);
    const from = entry === undefined ? undefined : readFrom(entry, `output "${name}"`, { inputs, items: false }, reader);
    return from === undefined ? [] : [{ name, at: keyAt, from }];
  });
}
