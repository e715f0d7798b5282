import { formatSize } from '../../base/units.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import { describeModule, type ExportDescription, type ImportDescription, type ModuleDescription } from '../../sandbox/describe.ts';
import type { Command } from '../command.ts';
import { jsonable, jsonLine, printable } from '../present.ts';
import { type NamedBytes, readModule } from '../read-module.ts';

export const command: Command = {
  summary: 'Show what a WebAssembly module is: its functions with their types, what it imports, how to call it.',
  usage: 'MODULE.wasm|CID|NAME[@VERSION]',
  words: [1, 1],
  options: {},
  help: `
A word that holds a / or ends in .wasm is the path of a module; a CID, ipfs://CID, or ipfs://CID/PATH for a file in a folder of IPFS, is one in the store; any other is the name of one. Nothing is run.

Components, and core modules made to be wrapped as components, have WIT types; docs/components.md says how values are written for each. A task is
checked against them before anything runs. Other modules are shown with their WebAssembly types.

exports   functions as a task names them under \`func\`; one in an exported interface is INTERFACE#FUNCTION
imports   what the module wants of its host, and whether Docket offers it; one that is not offered keeps the module from running
memory    what it starts with, and the most it will ask for; the limit of the task is below that

Exit status: 2 if it is no WebAssembly, or uses a feature that is not let in (docs/sandbox.md lists them).

Examples:
  docket inspect resize.wasm
  docket inspect sh.serval.loudify@1 --json`,
  async run(call) {
    const word = call.words[0]!;
    const found = await readModule(call, word);
    const description = describe(found, word);
    call.streams.stdout.write(call.flag('json') ? jsonLine(documentOf(found, description)) : textOf(found, description));
    return 0;
  },
};

function describe({ bytes }: NamedBytes, word: string): ModuleDescription {
  try {
    return describeModule(bytes);
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    throw new DocketError('MODULE_INVALID', `${word}: ${error.message}`, { cause: error, next: error.next, details: error.details });
  }
}

const KINDS: Readonly<Record<ModuleDescription['kind'], string>> = {
  core: 'core module',
  'typed-core': 'core module with a component type',
  component: 'component',
};

function documentOf({ cid, bytes }: NamedBytes, { kind, memories, exports, imports, call }: ModuleDescription): unknown {
  return {
    cid: cid.toString(),
    kind: KINDS[kind],
    size: bytes.length,
    memories,
    exports: exports.map(({ name, kind: sort, type, notCallable }) => ({ name, kind: sort, type, notCallable: notCallable ?? null })),
    imports: imports.map(({ name, kind: sort, types, isOffered, note }) => ({
      name,
      kind: sort,
      types,
      offered: isOffered,
      note: note ?? null,
    })),
    call: call === undefined ? null : call.op === 'wasi/run' ? call : { ...call, args: call.args.map(jsonable) },
  };
}

function textOf(found: NamedBytes, description: ModuleDescription): string {
  const { kind, memories, exports, imports } = description;
  const lines = [
    `kind    ${KINDS[kind]}`,
    `cid     ${found.cid}`,
    `size    ${formatSize(found.bytes.length)}`,
    ...memories.map(({ initial, maximum }, i) => {
      const most = maximum === null ? 'as much as the task may have' : `at most ${formatSize(maximum)}`;
      return `${i === 0 ? 'memory' : '      '}  ${formatSize(initial)} to begin with, ${most}`;
    }),
    '',
    exports.length === 0 ? 'exports nothing' : 'exports',
    ...exports.flatMap((each) => exportLines(each)),
    '',
    imports.length === 0 ? 'imports nothing' : 'imports',
    ...imports.flatMap((each) => importLines(each)),
    '',
    ...callLines(found, description),
  ];
  return `${lines.join('\n')}\n`;
}

function exportLines({ name, kind, type, notCallable }: ExportDescription): string[] {
  const why = notCallable === undefined || kind !== 'function' ? [] : [`    cannot be called: ${printable(notCallable)}`];
  return [`  ${printable(withType(name, type))}`, ...why];
}

/** WIT's text of a function begins with its name; that of one in an interface stands in front here. */
function withType(name: string, type: string): string {
  const at = name.lastIndexOf('#') + 1;
  return type.startsWith(`${name.slice(at)}: `) ? `${name.slice(0, at)}${type}` : `${name}: ${type}`;
}

function importLines({ name, kind, types, isOffered, note }: ImportDescription): string[] {
  const offer = `[${isOffered ? 'offered' : 'NOT OFFERED'}${note === undefined ? '' : `: ${printable(note)}`}]`;
  if (kind === 'interface') return [`  ${printable(name)}  ${offer}`, ...types.map((type) => `    ${printable(type)}`)];
  return types.map((type) => `  ${printable(withType(name, type))}  ${offer}`);
}

/** Characters of arguments in the example. */
const MOST_ARGUMENTS = 300;

function callLines({ reference }: NamedBytes, { kind, imports, call }: ModuleDescription): string[] {
  // A core module may be given its imports by an extension of the task.
  if (kind === 'component' && imports.some(({ isOffered }) => !isOffered))
    return ['A task cannot call anything in it: not all it imports is offered.'];
  if (call === undefined) return ['A task cannot call anything in it.'];
  const module = typeof reference === 'string' ? JSON.stringify(reference) : `{ cid: ${reference.cid} }`;
  if (call.op === 'wasi/run') {
    const exec = typeof reference === 'string' ? [`  docket exec ${reference} -- ARGS`, 'or as a task of a workflow:'] : [];
    return ['run it as a command:', ...exec, `  result: { module: ${module}, args: [] }`];
  }
  const args = DagJson.encode(call.args);
  const shown = args.length > MOST_ARGUMENTS ? '[…]' : args;
  return ['call it from a task of a workflow:', `  result: { module: ${module}, func: ${JSON.stringify(call.func)}, args: ${shown} }`];
}
