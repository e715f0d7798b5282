import { clip } from '../module/fault.ts';
import { invalid, type Refusal } from './misfit.ts';
import type { WitFunction, WitItem, WitType, WitWorld } from './model.ts';
import { shortTypeText } from './text.ts';

/** Which function of a world a name means, and whether it can be called. */

/** `interface` is the name of the exported interface it is in; absent for a function of the world itself. Both names are as WIT has them. */
export interface Callee {
  readonly interface?: string;
  readonly func: WitFunction;
}

/** Between the name of an interface and that of its function. */
const IN = '#';

/**
 * The function a task calls `name`. As Homestar does, it is looked for as given, in UPPER case, kebab-case, snake_case, lowerCamelCase,
 * PascalCase and after a `%`, in this order. A function in an exported interface is `interface#name`; the version of the interface may be left out
 * where that leaves one. `undefined` if there is none.
 */
export function lookUp(world: WitWorld, name: string): Callee | undefined {
  const at = name.indexOf(IN);
  if (at === -1) {
    const functions = world.exports.flatMap((item) => ('func' in item ? [item.func] : []));
    const func = byName(functions, name);
    return func === undefined ? undefined : { func };
  }
  const found = interfaceOf(world, name.slice(0, at));
  if (found === undefined || !('interface' in found)) return undefined;
  const func = byName(found.interface, name.slice(at + 1));
  return func === undefined ? undefined : { interface: found.name, func };
}

function interfaceOf({ exports }: WitWorld, name: string): WitItem | undefined {
  const interfaces = exports.filter((item) => 'interface' in item);
  const exact = interfaces.find((item) => item.name === name);
  if (exact !== undefined) return exact;
  const others = interfaces.filter((item) => item.name.replace(/@.*$/, '') === name);
  return others.length === 1 ? others[0] : undefined;
}

function byName(functions: readonly WitFunction[], name: string): WitFunction | undefined {
  const byExact = new Map(functions.map((func) => [func.name, func]));
  for (const form of formsOf(name)) {
    const found = byExact.get(form);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Words begin at what is neither letter nor digit, and where lower case turns to upper. */
function formsOf(name: string): string[] {
  const words = name
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
  const pascal = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  const camel = words.slice(0, 1).concat(pascal.slice(1));
  return [name, name.toUpperCase(), words.join('-'), words.join('_'), camel.join(''), pascal.join(''), `%${name}`];
}

/** Names in the data of a failure, and those in its message. */
const MOST_LISTED = 50;
const MOST_NAMED = 10;

/** `lookUp`, and that the function can be called: nothing it takes or gives is a handle, stream or the like, and it is not `async`. */
export function calleeOf(world: WitWorld, name: string): { readonly callee: Callee } | Refusal {
  const callee = lookUp(world, name);
  if (callee === undefined) return missing(world, name);
  const why = whyNotCallable(callee.func);
  return why === undefined ? { callee } : invalid(`${JSON.stringify(clip(name))} cannot be called: ${why}`, { func: clip(name) });
}

/** Why a function cannot be called, or `undefined`. */
export function whyNotCallable({ params, result, async, name }: WitFunction): string | undefined {
  if (async === true) return 'it is async';
  if (name.startsWith('[')) return 'it belongs to a resource';
  const seen = new Set<WitType>();
  for (const { name: param, type } of params) {
    const odd = oddPart(type, seen);
    if (odd !== undefined) return `its parameter ${JSON.stringify(param)} holds ${shortTypeText(odd)}, which cannot be passed`;
  }
  const odd = result === undefined ? undefined : oddPart(result, seen);
  return odd === undefined ? undefined : `its result holds ${shortTypeText(odd)}, which cannot be passed`;
}

/** The first part of a type that no value can be given for. Parts are shared, so each is looked at once. */
function oddPart(type: WitType, seen: Set<WitType>): WitType | undefined {
  if (seen.has(type)) return undefined;
  seen.add(type);
  switch (type.kind) {
    case 'own':
    case 'borrow':
    case 'resource':
    case 'future':
    case 'stream':
    case 'error-context':
    case 'proposed':
      return type;
    default:
      return partsOf(type)
        .map((part) => oddPart(part, seen))
        .find((odd) => odd !== undefined);
  }
}

function partsOf(type: WitType): readonly WitType[] {
  switch (type.kind) {
    case 'list':
      return [type.element];
    case 'option':
      return [type.some];
    case 'tuple':
      return type.types;
    case 'record':
      return type.fields.map((field) => field.type);
    case 'variant':
      return type.cases.flatMap((each) => each.type ?? []);
    case 'result':
      return [type.ok ?? [], type.err ?? []].flat();
    default:
      return [];
  }
}

/** Every function that is exported, by the name a task calls it. */
export function* exportedFunctions(world: WitWorld): Generator<{ readonly name: string; readonly func: WitFunction }> {
  for (const item of world.exports) {
    if ('func' in item) yield { name: item.name, func: item.func };
    else for (const func of item.interface) yield { name: `${item.name}${IN}${func.name}`, func };
  }
}

function missing(world: WitWorld, name: string): Refusal {
  // An interface may have a long name and many functions: no more are written out than are told.
  const names: string[] = [];
  for (const { name: exported } of exportedFunctions(world)) if (names.push(clip(exported)) >= MOST_LISTED) break;
  const count = world.exports.reduce((sum, item) => sum + ('func' in item ? 1 : item.interface.length), 0);
  const more = count - MOST_NAMED;
  const listed = names.slice(0, MOST_NAMED).map((each) => JSON.stringify(each));
  const those = names.length === 0 ? 'no function' : `${listed.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return invalid(`the component does not export ${JSON.stringify(clip(name))}: it exports ${those}`, {
    func: clip(name),
    exports: names,
  });
}
