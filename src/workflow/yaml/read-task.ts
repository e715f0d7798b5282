import { AGREE_FORM, parseAgree } from '../agree.ts';
import { parseDuration } from '../../base/units.ts';
import { type Durable, DURABLE_FORM, isDurable } from '../durable.ts';
import { isDocketError } from '../../errors.ts';
import { parse as parseCid } from '../../ipld/cid.ts';
import { pathProblem, PATH_RULE } from '../guest-path.ts';
import { MOST_EXTENSIONS } from '../input.ts';
import { GRANTS } from '../grants.ts';
import { isUrl, URL_RULE } from '../resource.ts';
import type { Data, ModuleSpec, Mount, Shape, TaskSpec, Template, WasiBody, WasmBody } from './model.ts';
import { NO_SETTINGS, readSettings, type Settings, toMeta } from './read-settings.ts';
import { readArgument, readContent, readData, readTexts } from './read-value.ts';
import type { Reader } from './reader.ts';
import type { MapNode, Node } from './source.ts';
import { parseTemplate, plainText, type Scope } from './template.ts';

/** What `defaults` of the file says. */
export interface Defaults {
  readonly settings: Settings;
  readonly env: ReadonlyMap<string, Template>;
}

export const NO_DEFAULTS: Defaults = { settings: NO_SETTINGS, env: new Map() };

const COMMON_KEYS = [
  'description',
  'each',
  'reduce',
  'module',
  'op',
  'args',
  'limits',
  'retry',
  'needs',
  'memo',
  'agree',
  'durable',
  'nonce',
  'grant',
] as const;
const WASI_KEYS = ['env', 'stdin', 'files', 'outputs', 'extensions'] as const;
const WASM_KEYS = ['func'] as const;
const OPS = ['wasi/run', 'wasm/run'] as const;
const MEMO = ['always', 'never', 'errors'] as const;

const ARITY = { min: 2, max: 64, fallback: 8 } as const;

/** Reads one entry of `tasks`. */
export function readTask(name: string, node: Node, defaults: Defaults, inputs: ReadonlySet<string>, reader: Reader): TaskSpec | undefined {
  const what = `task "${name}"`;
  const map = reader.map(node, what);
  if (map === undefined) return undefined;
  const op = readOp(map, what, reader);
  reader.checkKeys(map, op === undefined ? what : `${what} (${op})`, [
    ...COMMON_KEYS,
    ...(op === 'wasm/run' ? [] : WASI_KEYS),
    ...(op === 'wasi/run' ? [] : WASM_KEYS),
  ]);
  const description = reader.get(map, 'description');
  if (description !== undefined) reader.text(description, `"description" of ${what}`);
  const shape = readShape(map, what, { inputs, items: false }, reader);
  const scope: Scope = { inputs, items: shape.kind === 'glob' || shape.kind === 'list' || shape.kind === 'pairs' };
  const module = readOwnModule(map, what, scope, reader);
  const nonce = reader.get(map, 'nonce');
  const nonceText = nonce === undefined ? undefined : reader.text(nonce, `"nonce" of ${what}`);
  const memo = reader.get(map, 'memo');
  const agree = readAgree(map, what, reader);
  const settings = toMeta(
    readSettings(map, reader),
    defaults.settings,
    memo === undefined ? undefined : reader.oneOf(memo, `"memo" of ${what}`, MEMO),
  );
  const grant = readGrant(map, what, reader);
  const durable = readDurable(map, what, reader);
  const asked = {
    ...settings,
    ...(agree === undefined ? {} : { agree }),
    ...(durable === undefined ? {} : { durable }),
  };
  const meta = op === 'wasm/run' && grant.length > 0 ? { ...asked, grant } : asked;
  const body =
    op === undefined
      ? undefined
      : op === 'wasi/run'
        ? readWasi(map, what, { scope, defaults, grant }, reader)
        : readWasm(map, what, scope, reader);
  if (body === undefined || module === undefined) return undefined;
  const nonceTemplate = nonce === undefined || nonceText === undefined ? undefined : parseTemplate(nonceText, nonce.at, scope, reader);
  return { name, at: map.at, shape, module, body, meta, nonce: nonceTemplate };
}

/** As it stands in `meta`. */
function readAgree(map: MapNode, what: string, reader: Reader): string | undefined {
  const node = reader.get(map, 'agree');
  if (node === undefined) return undefined;
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  if (text !== undefined && parseAgree(text) !== undefined) return text;
  return reader.problem(node.at, `"agree" of ${what} ${AGREE_FORM}`);
}

/** Undefined also for `false`: the output is as durable as others. */
function readDurable(map: MapNode, what: string, reader: Reader): Durable | undefined {
  const node = reader.get(map, 'durable');
  if (node === undefined) return undefined;
  const value = node.kind === 'scalar' ? (typeof node.value === 'string' ? parseDuration(node.value) : node.value) : undefined;
  if (value === false) return undefined;
  return isDurable(value) ? value : reader.problem(node.at, `"durable" of ${what} ${DURABLE_FORM}`);
}

/** `func` makes it `wasm/run`; `op` may say so too, but not otherwise. */
function readOp(map: MapNode, what: string, reader: Reader): (typeof OPS)[number] | undefined {
  const implied = map.entries.has('func') ? 'wasm/run' : 'wasi/run';
  const node = reader.get(map, 'op');
  if (node === undefined) return implied;
  const text = reader.text(node, `"op" of ${what}`);
  if (text === undefined) return undefined;
  const op = OPS.find((known) => known === text);
  if (op === undefined)
    return reader.problem(node.at, `${what} has an unknown op "${text}"`, `Known ops: ${OPS.join(', ')}.`, 'OP_UNKNOWN');
  if (op === implied) return op;
  return op === 'wasi/run'
    ? reader.problem(node.at, `${what} is wasi/run, which takes no "func"`, 'Drop "func", or make it wasm/run.')
    : reader.problem(node.at, `${what} is wasm/run but has no "func"`, 'Name the exported function to call.');
}

function readShape(map: MapNode, what: string, scope: Scope, reader: Reader): Shape {
  const single: Shape = { kind: 'single' };
  const each = map.entries.get('each');
  const reduce = map.entries.get('reduce');
  if (each !== undefined && reduce !== undefined) {
    reader.problem(
      reduce.keyAt,
      `${what} has both "each" and "reduce"`,
      'Make two tasks: one that runs for each item, and one that reduces it.',
    );
    return single;
  }
  if (each !== undefined) return readEach(each.value, `"each" of ${what}`, scope, reader) ?? single;
  if (reduce !== undefined) return readReduce(reduce.value, `"reduce" of ${what}`, reader) ?? single;
  return single;
}

function readEach(node: Node, what: string, scope: Scope, reader: Reader): Shape | undefined {
  if (node.kind === 'list') return { kind: 'list', items: node.items.flatMap((item) => readItem(item, what, scope, reader) ?? []) };
  if (node.kind !== 'map') return reader.problem(node.at, `${what} must be a list, {glob: PATTERN} or {task: NAME}`);
  const glob = reader.get(node, 'glob');
  const task = reader.get(node, 'task');
  reader.checkKeys(node, what, glob === undefined ? (task === undefined ? ['glob', 'task'] : ['task']) : ['glob']);
  if (glob !== undefined) {
    const text = reader.text(glob, `"glob" of ${what}`);
    return text === undefined ? undefined : { kind: 'glob', pattern: parseTemplate(text, glob.at, scope, reader) };
  }
  if (task === undefined) return reader.problem(node.at, `${what} must have "glob" or "task"`);
  const text = reader.text(task, `"task" of ${what}`);
  return text === undefined ? undefined : { kind: 'pairs', task: text, at: task.at };
}

/** An item is a scalar, or a map of scalars. */
function readItem(node: Node, what: string, scope: Scope, reader: Reader): Data | undefined {
  const values = node.kind === 'map' ? [...node.entries.values()].map(({ value }) => value) : [node];
  const wrong = values.find((value) => value.kind !== 'scalar' || value.value === null);
  if (wrong !== undefined) return reader.problem(wrong.at, `an item of ${what} must be text, a number, true or false, or a map of these`);
  return readData(node, `an item of ${what}`, scope, reader);
}

function readReduce(node: Node, what: string, reader: Reader): Shape | undefined {
  if (node.kind !== 'map') {
    const task = reader.text(node, what);
    return task === undefined ? undefined : { kind: 'reduce', task, at: node.at, arity: ARITY.fallback };
  }
  reader.checkKeys(node, what, ['task', 'arity']);
  const over = reader.get(node, 'task');
  if (over === undefined) return reader.problem(node.at, `${what} must have "task", the name of a task with \`each\``);
  const task = reader.text(over, `"task" of ${what}`);
  const arity = reader.get(node, 'arity');
  const count = arity === undefined ? ARITY.fallback : reader.whole(arity, `"arity" of ${what}`, ARITY.min, ARITY.max);
  return task === undefined || count === undefined ? undefined : { kind: 'reduce', task, at: over.at, arity: count };
}

function readOwnModule(map: MapNode, what: string, scope: Scope, reader: Reader): ModuleSpec | undefined {
  const node = reader.get(map, 'module');
  if (node === undefined) return reader.problem(map.at, `${what} has no "module"`, 'Name the WebAssembly file to run: module: count.wasm');
  return readModule(node, `"module" of ${what}`, scope, reader);
}

function readModule(node: Node, what: string, scope: Scope, reader: Reader): ModuleSpec | undefined {
  if (node.kind !== 'map') {
    const text = reader.text(node, what);
    if (text === '') return reader.problem(node.at, `${what} is empty`);
    return text === undefined ? undefined : { kind: 'path', text: parseTemplate(text, node.at, scope, reader) };
  }
  const url = reader.get(node, 'url');
  reader.checkKeys(node, what, url === undefined ? ['cid', 'url'] : ['url', 'integrity']);
  if (url !== undefined) return readUrl(url, reader.get(node, 'integrity'), what, scope, reader);
  const cid = reader.get(node, 'cid');
  if (cid === undefined) return reader.problem(node.at, `${what} must be a path, {cid: …} or {url: …, integrity: …}`);
  const text = reader.text(cid, `"cid" of ${what}`);
  if (text === undefined) return undefined;
  const template = parseTemplate(text, cid.at, scope, reader);
  checkCid(template, reader);
  return { kind: 'cid', text: template };
}

function readUrl(node: Node, sri: Node | undefined, what: string, scope: Scope, reader: Reader): ModuleSpec | undefined {
  const text = reader.text(node, `"url" of ${what}`);
  const integrity = sri === undefined ? undefined : reader.text(sri, `"integrity" of ${what}`);
  if (text === undefined || (sri !== undefined && integrity === undefined)) return undefined;
  const url = parseTemplate(text, node.at, scope, reader);
  const written = plainText(url);
  if (written !== undefined && !isUrl(written)) return reader.problem(node.at, `"url" of ${what} is no URL`, URL_RULE);
  return {
    kind: 'url',
    text: url,
    ...(sri === undefined || integrity === undefined ? {} : { integrity: parseTemplate(integrity, sri.at, scope, reader) }),
  };
}

/** Notes a CID that is written out and wrong; one with templates is checked once they are filled in. */
function checkCid(template: Template, reader: Reader): void {
  const text = plainText(template);
  if (text === undefined) return;
  try {
    parseCid(text);
  } catch (error) {
    if (!isDocketError(error)) throw error;
    reader.problem(template.at, error.message, error.next, error.code);
  }
}

function readWasm(map: MapNode, what: string, scope: Scope, reader: Reader): WasmBody | undefined {
  const func = reader.get(map, 'func')!;
  const text = reader.text(func, `"func" of ${what}`);
  const args = reader.get(map, 'args');
  const list = args === undefined ? undefined : reader.list(args, `"args" of ${what}`);
  const items = (list?.items ?? []).flatMap((item) => readArgument(item, `"args" of ${what}`, scope, reader) ?? []);
  return text === undefined ? undefined : { op: 'wasm/run', func: parseTemplate(text, func.at, scope, reader), args: items };
}

/** Sorted, without repeats. */
function readGrant(map: MapNode, what: string, reader: Reader): readonly string[] {
  const node = reader.get(map, 'grant');
  const items = node === undefined ? [] : (reader.list(node, `"grant" of ${what}`)?.items ?? []);
  return [...new Set(items.flatMap((item) => reader.oneOf(item, `"grant" of ${what}`, GRANTS) ?? []))].toSorted();
}

interface WasiContext {
  readonly scope: Scope;
  readonly defaults: Defaults;
  readonly grant: readonly string[];
}

function readWasi(map: MapNode, what: string, { scope, defaults, grant }: WasiContext, reader: Reader): WasiBody {
  const texts = (key: string) => {
    const node = reader.get(map, key);
    return node === undefined ? [] : readTexts(node, `"${key}" of ${what}`, scope, reader);
  };
  const stdin = reader.get(map, 'stdin');
  const env = reader.get(map, 'env');
  const files = reader.get(map, 'files');
  const outputs = reader.get(map, 'outputs');
  const extensions = reader.get(map, 'extensions');
  const own = env === undefined ? new Map<string, Template>() : readEnv(env, `"env" of ${what}`, scope, reader);
  return {
    op: 'wasi/run',
    args: texts('args'),
    env: new Map([...defaults.env, ...own]),
    stdin: stdin === undefined ? undefined : readContent(stdin, `"stdin" of ${what}`, scope, reader),
    files: files === undefined ? [] : readFiles(files, what, scope, reader),
    outputs: outputs === undefined ? [] : readPatterns(outputs, what, scope, reader),
    extensions: extensions === undefined ? new Map() : readExtensions(extensions, what, scope, reader),
    grant,
  };
}

function readFiles(node: Node, what: string, scope: Scope, reader: Reader): Mount[] {
  const map = reader.map(node, `"files" of ${what}`);
  return [...(map?.entries ?? [])].flatMap(([path, { keyAt, value }]) => {
    const problem = path.includes('${') || path === '.' || path === './' ? undefined : pathProblem(path.replace(/\/$/, ''));
    if (problem !== undefined) reader.problem(keyAt, `the path "${path}" ${problem}`, PATH_RULE);
    const content = readContent(value, `file "${path}" of ${what}`, scope, reader);
    return content === undefined ? [] : [{ path: parseTemplate(path, keyAt, scope, reader), content }];
  });
}

function readExtensions(node: Node, what: string, scope: Scope, reader: Reader): Map<string, ModuleSpec> {
  const entries = [...(reader.map(node, `"extensions" of ${what}`)?.entries ?? [])];
  if (entries.length > MOST_EXTENSIONS) reader.problem(node.at, `${what} has ${entries.length} extensions, ${MOST_EXTENSIONS} are allowed`);
  return new Map(
    entries.flatMap(([name, { keyAt, value }]) => {
      if (name === '' || RESERVED.has(name))
        return (
          reader.problem(
            keyAt,
            `"${name}" of ${what} cannot be an extension`,
            'Name what the module imports from; what the host gives needs no naming.',
          ) ?? []
        );
      const module = readModule(value, `extension "${name}" of ${what}`, scope, reader);
      return module === undefined ? [] : [[name, module] as const];
    }),
  );
}

/** What imports from these the host gives. */
const RESERVED: ReadonlySet<string> = new Set(['docket', 'wasi_snapshot_preview1']);

function readPatterns(node: Node, what: string, scope: Scope, reader: Reader): Template[] {
  const patterns = readTexts(node, `"outputs" of ${what}`, scope, reader);
  for (const pattern of patterns) {
    const text = plainText(pattern);
    const problem = text === undefined ? undefined : pathProblem(text);
    if (problem !== undefined) reader.problem(pattern.at, `the path "${text}" ${problem}`, PATH_RULE);
  }
  return patterns;
}

/** Names and values of environment variables; the system interface cannot carry NUL, nor `=` in a name. */
export function readEnv(node: Node, what: string, scope: Scope, reader: Reader): Map<string, Template> {
  const env = new Map<string, Template>();
  for (const [name, { keyAt, value }] of reader.map(node, what)?.entries ?? []) {
    if (name === '' || /[=\0]/.test(name)) reader.problem(keyAt, `"${name}" cannot be the name of an environment variable`);
    const text = reader.text(value, `"${name}" in ${what}`);
    if (text !== undefined) env.set(name, parseTemplate(text, value.at, scope, reader));
  }
  return env;
}
