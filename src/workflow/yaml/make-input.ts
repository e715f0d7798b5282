import { isTree } from '../../ipld/cid.ts';
import { type Ipld, isLink, isList } from '../../ipld/value.ts';
import { findClash, listedPaths, pathProblem, PATH_RULE } from '../guest-path.ts';
import { argumentsMaker, contentMaker, moduleMaker } from './make-value.ts';
import { type Fail, listMaker, type Maker, maker, mapMaker, textMaker, type World } from './maker.ts';
import type { Content, ModuleSpec, Mount, Template, WasiBody, WasmBody } from './model.ts';

/** Makes the `input` of an instruction. Keys that would be empty are left out, so that writing them or not gives one CID. */
export function inputMaker(body: WasiBody | WasmBody, world: World): Maker {
  if (body.op === 'wasi/run') return wasiMaker(body, world);
  return mapMaker([
    ['func', textMaker(body.func, world.fail)],
    ['args', argumentsMaker(body.args, world)],
  ]);
}

function wasiMaker({ args, env, stdin, files, outputs, extensions, grant }: WasiBody, world: World): Maker {
  const { fail } = world;
  const parts: [string, Maker][] = [];
  if (args.length > 0) parts.push(['args', listMaker(args.map((argument) => cTextMaker(argument, fail)))]);
  if (env.size > 0) parts.push(['env', mapMaker([...env].map(([name, value]) => [name, cTextMaker(value, fail)]))]);
  if (stdin !== undefined) parts.push(['stdin', contentMaker(stdin, world)]);
  if (files.length > 0) parts.push(['files', filesMaker(files, world)]);
  if (outputs.length > 0) parts.push(['outputs', listMaker(outputs.map((pattern) => patternMaker(pattern, fail)))]);
  if (extensions.size > 0) parts.push(['extensions', mapMaker([...extensions].map(([name, module]) => [name, linkMaker(module, world)]))]);
  if (grant.length > 0) parts.push(['grant', maker(true, () => grant)]);
  return maker(
    parts.every(([, { constant }]) => constant),
    (frame) => {
      const input: Record<string, Ipld> = {};
      for (const [key, { make }] of parts) {
        const value = make(frame);
        if (value !== '') input[key] = value;
      }
      return input;
    },
  );
}

function linkMaker(module: ModuleSpec, world: World): Maker {
  const { constant, make } = moduleMaker(module, world);
  const missing = (): never => world.fail(module.text.at, 'nothing is fetched here, so this cannot be an extension');
  return { constant, make: (frame) => make(frame).cid ?? missing() };
}

interface Mounted {
  readonly path: string;
  /** Nothing can be mounted below it. */
  readonly isFile: boolean;
  readonly entry: Ipld;
  readonly at: number;
}

function filesMaker(mounts: readonly Mount[], world: World): Maker {
  const makers = mounts.map(({ path, content }) => ({
    at: path.at,
    path: textMaker(path, world.fail),
    kind: content.kind,
    content: contentMaker(content, world),
  }));
  return maker(
    makers.every(({ path, content }) => path.constant && content.constant),
    (frame) => {
      const mounted = makers.map(({ at, path, kind, content }) => mount(path.make(frame), kind, content.make(frame), at, world.fail));
      if (mounted.length > 1) checkClashes(mounted, world.fail);
      return Object.fromEntries(mounted.map(({ path, entry }) => [path, entry]));
    },
  );
}

/** A slash at the end means a list; for a folder it is an author's habit, and dropped so that one mount has one spelling. */
function mount(path: string, kind: Content['kind'], entry: Ipld, at: number, fail: Fail): Mounted {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path;
  const isFolder = kind === 'dir' || (isLink(entry) && isTree(entry));
  const mayBeFolder = isFolder || kind === 'from';
  const problem = bare === '.' && mayBeFolder ? undefined : pathProblem(bare);
  if (problem !== undefined) fail(at, `the path "${path}" ${problem}`, PATH_RULE);
  if (isList(entry)) {
    if (bare === path)
      fail(at, `"${path}" would be a list of outputs`, `End the name with a slash to mount them as ${path}/0000, ${path}/0001, ….`);
    return { path, isFile: false, entry, at };
  }
  if (bare !== path && !mayBeFolder) fail(at, `"${path}" ends with a slash but is one file`, 'Drop the slash.');
  return { path: bare, isFile: !mayBeFolder, entry, at };
}

function checkClashes(mounted: readonly Mounted[], fail: Fail): void {
  const paths = mounted.flatMap(({ path, isFile, entry }) =>
    isList(entry) ? listedPaths(path, entry.length).map((listed) => ({ path: listed, isFile: true })) : [{ path, isFile }],
  );
  const clash = findClash(paths);
  if (clash === undefined) return;
  const [later, earlier] = clash;
  const at = mounted.findLast(({ path }) => path === later || path === earlier)?.at ?? mounted.at(-1)!.at;
  fail(
    at,
    later === earlier ? `two files are mounted at "${later}"` : `"${later}" is mounted below the file "${earlier}"`,
    'Give each file a path of its own.',
  );
}

/** Text that reaches the guest as a C string. */
function cTextMaker(template: Template, fail: Fail): Maker {
  const { constant, make } = textMaker(template, fail);
  return maker(constant, (frame) => {
    const text = make(frame);
    return text.includes('\0') ? fail(template.at, 'arguments and environment variables cannot hold a NUL character') : text;
  });
}

function patternMaker(template: Template, fail: Fail): Maker {
  const { constant, make } = textMaker(template, fail);
  return maker(constant, (frame) => {
    const path = make(frame);
    const problem = pathProblem(path);
    return problem === undefined ? path : fail(template.at, `the path "${path}" ${problem}`, PATH_RULE);
  });
}
