import { type CID, fromSri } from '../../ipld/cid.ts';
import { INLINE } from '../../ipld/large-value.ts';
import { Float, type Ipld, isList, isMap } from '../../ipld/value.ts';
import { toIpld } from '../promise.ts';
import * as Resource from '../resource.ts';
import type { Folder } from '../sources.ts';
import { cidOf, dataMaker, type Fail, type Frame, listMaker, type Maker, maker, mapMaker, textMaker, textOf, type World } from './maker.ts';
import type { Argument, Content, FromContent, ModuleSpec, Template } from './model.ts';
import { isConstant, type Names } from './template.ts';

const encoder = new TextEncoder();

/** The module and the `rsc` that names it. */
export function moduleMaker(spec: ModuleSpec, { imports, fail }: World): Maker<{ readonly cid: CID | undefined; readonly rsc: string }> {
  return maker(isConstant(spec.text) && (spec.integrity === undefined || isConstant(spec.integrity)), (frame) => {
    const written = moduleOf(spec, frame, fail);
    if (typeof written !== 'string') return { cid: written, rsc: `ipfs://${written}` };
    const cid = Resource.cidOf(written) ?? imports.module(written);
    return { cid, rsc: Resource.isUrl(written) ? written : `ipfs://${cid}` };
  });
}

const SRI = 'Write sha256-… in base64, as `docket store stat` prints it.';

/** What a module is called where it is imported: a CID, a path, or a URL with its integrity, if it has one. */
export function moduleOf({ kind, text, integrity }: ModuleSpec, names: Names, fail: Fail): string | CID {
  if (kind === 'cid') return cidOf(text, names, fail);
  const written = textOf(text, names, fail);
  if (kind === 'url' && !Resource.isUrl(written)) return fail(text.at, `"${written}" is no URL`, Resource.URL_RULE);
  // What has a colon in it is a path all the same, and must not be taken for a URL.
  const path = Resource.isLocal(written) ? written : `./${written}`;
  const url = Resource.isUrl(written) ? Resource.normalize(written) : path;
  if (integrity === undefined && !Resource.hasBadIntegrity(url)) return url;
  if (integrity === undefined) return fail(text.at, `the integrity of "${url}" is none that can be checked`, SRI);
  const sri = textOf(integrity, names, fail);
  if (!Resource.isWeb(url) || url.includes('#'))
    return fail(text.at, `"${written}" cannot have an integrity`, 'A web URL without a # can.');
  if (fromSri(sri) === undefined) return fail(integrity.at, `"${sri}" is no integrity`, SRI);
  return Resource.withIntegrity(url, sri);
}

/** A VALUE where bytes are wanted. */
export function contentMaker(content: Content, world: World): Maker {
  const { imports, fail } = world;
  switch (content.kind) {
    case 'text': {
      const { constant, make } = textMaker(content.text, fail);
      return maker(constant, (frame) => inline(make(frame), world));
    }
    case 'json': {
      const { constant, make } = dataMaker(content.data, fail);
      return maker(constant, (frame) => inline(toJson(make(frame)), world));
    }
    case 'bytes':
      return maker(true, () => inline(content.bytes, world));
    case 'file':
      return maker(isConstant(content.path), (frame) => imports.file(textOf(content.path, frame, fail)));
    case 'dir':
      return maker([content.path, ...(content.include ?? []), ...(content.exclude ?? [])].every(isConstant), (frame) =>
        imports.folder(folderOf(content, frame, fail)),
      );
    case 'cid':
      return maker(isConstant(content.cid), (frame) => cidOf(content.cid, frame, fail));
    case 'from':
      return fromMaker(content, world);
    case 'parts': {
      const at = pointerMaker(content.pointer, fail);
      return {
        constant: false,
        make: (frame) => frame.parts.map((instruction) => toIpld({ branch: 'await/ok', instruction, at: at.make(frame) })),
      };
    }
  }
}

/** The promise, or the list of promises, a `from` stands for. */
export function fromMaker(from: FromContent, world: World): Maker {
  const { task, pointer, branch } = from;
  const at = pointerMaker(pointer, world.fail);
  const relation = world.relation(from);
  const promise = (instruction: CID, frame: Frame): Ipld => toIpld({ branch, instruction, at: at.make(frame) });
  return maker(relation !== 'paired' && at.constant, (frame) => {
    const instructions = world.instructions(task);
    if (relation === 'all') return instructions.map((instruction) => promise(instruction, frame));
    return promise(instructions[relation === 'paired' ? frame.index : 0]!, frame);
  });
}

/** Arguments of `wasm/run`: `parts` is spliced in, everything else is one argument. */
export function argumentsMaker(args: readonly Argument[], world: World): Maker {
  if (!args.some(({ kind }) => kind === 'parts')) return listMaker(args.map((argument) => argumentMaker(argument, world)));
  const makers = args.map((argument) => ({ isSpliced: argument.kind === 'parts', ...argumentMaker(argument, world) }));
  return maker(false, (frame) =>
    makers.flatMap(({ isSpliced, make }) => {
      const value = make(frame);
      return isSpliced && isList(value) ? value : [value];
    }),
  );
}

function argumentMaker(argument: Argument, world: World): Maker {
  switch (argument.kind) {
    case 'literal':
    case 'template':
      return dataMaker(argument, world.fail);
    case 'json':
      return dataMaker(argument.data, world.fail);
    case 'items':
      return argumentsMaker(argument.items, world);
    case 'fields':
      return mapMaker(argument.entries.map(([key, field]) => [key, argumentMaker(field, world)]));
    default:
      return contentMaker(argument, world);
  }
}

/** The folder a `dir` names, for wanting as well as for using it. */
export function folderOf({ path, include, exclude }: Extract<Content, { kind: 'dir' }>, names: Names, fail: Fail): Folder {
  const texts = (templates: readonly Template[]): string[] => templates.map((template) => textOf(template, names, fail));
  return {
    path: textOf(path, names, fail),
    ...(include === undefined ? {} : { include: texts(include) }),
    ...(exclude === undefined ? {} : { exclude: texts(exclude) }),
  };
}

function pointerMaker(pointer: Template | undefined, fail: Fail): Maker<string> {
  return pointer === undefined ? { constant: true, make: () => '' } : textMaker(pointer, fail);
}

function inline(value: string | Uint8Array, { imports }: World): Ipld {
  if (typeof value !== 'string') return value.length > INLINE ? imports.keepLarge(value) : value;
  if (value.length * 3 <= INLINE) return value;
  const bytes = encoder.encode(value);
  return bytes.length > INLINE ? imports.keepLarge(bytes) : value;
}

/** JSON text without white space; keys as written, integers exact, whole floats with their point. */
function toJson(value: Ipld): string {
  if (isList(value)) return `[${value.map(toJson).join(',')}]`;
  if (isMap(value))
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}:${toJson(item)}`)
      .join(',')}}`;
  if (value instanceof Float) return Math.abs(value.value) < 1e21 ? value.value.toFixed(1) : String(value.value);
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}
