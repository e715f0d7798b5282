import { clip, malformed } from '../module/fault.ts';
import { Reader } from '../module/reader.ts';
import { type Census, type ComponentShape, type Entities, type Entity, MOST_READ } from './binary/entity.ts';
import { readComponent } from './binary/read-component.ts';
import type { WitFunction, WitItem, WitWorld } from './model.ts';

/** The world of a component, or of a core module made to be wrapped as one. */

/** A core module without `component-type` sections has no world, `typed-core` is one with such sections. */
export type WitBinary =
  | { readonly kind: 'core' }
  | { readonly kind: 'typed-core'; readonly world: WitWorld }
  /** `modules` are its core modules, those of components within it too. */
  | { readonly kind: 'component'; readonly world: WitWorld; readonly modules: readonly Uint8Array[] };

/** Ours: functions of a world, those of its interfaces too. Interfaces may be exported under many names at a few bytes each. */
export const MOST_FUNCTIONS = 100_000;

/** The fifth and sixth byte are the version, the next two tell a component from a core module. */
export function isComponent(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 8 &&
    bytes[0] === 0x00 &&
    bytes[1] === 0x61 &&
    bytes[2] === 0x73 &&
    bytes[3] === 0x6d &&
    bytes[6] === 1 &&
    bytes[7] === 0
  );
}

/** Throws `MODULE_INVALID` for bytes that are no component, and no core module with a world; says at which byte. */
export function worldOf(bytes: Uint8Array): WitWorld {
  const found = readWit(bytes);
  if (found.kind === 'core') throw malformed(bytes.length, 'it is a core module without a component-type section, so it has no WIT world');
  return found.world;
}

/** What a binary is and its world, if it has one. Of a core module only the custom sections are looked into. Throws `MODULE_INVALID`. */
export function readWit(bytes: Uint8Array): WitBinary {
  if (isComponent(bytes)) {
    const { shape, modules } = readComponent(new Reader(bytes, 0, bytes.length), { left: MOST_READ });
    return { kind: 'component', world: toWorld([shape]), modules };
  }
  const sections = typeSections(bytes);
  const census = { left: MOST_READ };
  return sections.length === 0
    ? { kind: 'core' }
    : { kind: 'typed-core', world: toWorld(sections.map((section) => embeddedShape(section, census))) };
}

const TYPE_SECTION = 'component-type';
const MOST_TYPE_SECTIONS = 100;

/** Contents of the custom sections that describe a world. One module may hold several: each library linked into it brings one. */
function typeSections(bytes: Uint8Array): Reader[] {
  const reader = new Reader(bytes, 0, bytes.length);
  for (const byte of [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]) {
    const offset = reader.at;
    if (reader.u8('the header') !== byte) throw malformed(offset, 'the first eight bytes are not those of WebAssembly');
  }
  const found: Reader[] = [];
  while (!reader.done) {
    const id = reader.u8('a section');
    const section = reader.part(`section ${id}`);
    if (id !== 0 || !section.name('the name of a custom section').startsWith(TYPE_SECTION)) continue;
    if (found.length >= MOST_TYPE_SECTIONS)
      throw malformed(section.at, `there are more than ${MOST_TYPE_SECTIONS} sections ${TYPE_SECTION}`);
    found.push(section);
  }
  return found;
}

/**
 * A section is a component that exports the type of the wanted one: in newer tools inside of the type of a component that stands for the package
 * (`ns:package/world`), in older ones directly.
 */
function embeddedShape(section: Reader, census: Census): ComponentShape {
  const start = section.at;
  const { exports } = readComponent(section, census).shape;
  const shapes = [...exports.values()].flatMap((entity) => shapeOf(entity) ?? []);
  const [only] = shapes;
  if (only === undefined || shapes.length > 1)
    throw malformed(start, `a ${TYPE_SECTION} section describes ${shapes.length} worlds, not one`);
  const inner = [...only.exports].flatMap(([name, entity]) => (name.includes('/') ? (shapeOf(entity) ?? []) : []));
  const isPackage = only.imports.size === 0 && only.exports.size === 1 && inner.length === 1;
  return isPackage ? (inner[0] as ComponentShape) : only;
}

function shapeOf(entity: Entity): ComponentShape | undefined {
  if (entity.sort === 'component') return entity.shape;
  return entity.sort === 'type' && entity.type.is === 'component' ? entity.type.shape : undefined;
}

function toWorld(shapes: readonly ComponentShape[]): WitWorld {
  const budget = { left: MOST_FUNCTIONS };
  return {
    imports: items(
      shapes.map(({ imports }) => imports),
      budget,
    ),
    exports: items(
      shapes.map(({ exports }) => exports),
      budget,
    ),
  };
}

/** Of several descriptions of one module the first that names an item counts; an interface has the functions of all. */
function items(described: readonly Entities[], budget: { left: number }): WitItem[] {
  const found = new Map<string, WitItem>();
  for (const entities of described) {
    for (const [name, entity] of entities) {
      const item = toItem(name, entity, budget);
      const before = found.get(name);
      if (before !== undefined && item !== undefined && 'interface' in before && 'interface' in item) {
        const known = new Set(before.interface.map((func) => func.name));
        found.set(name, { name, interface: [...before.interface, ...item.interface.filter((func) => !known.has(func.name))] });
      } else if (before === undefined && item !== undefined) found.set(name, item);
    }
  }
  return [...found.values()];
}

function toItem(name: string, entity: Entity, budget: { left: number }): WitItem | undefined {
  if (entity.sort === 'func') return { name, func: toFunction(name, entity, budget) };
  if (entity.sort !== 'instance') return undefined;
  const functions = [...entity.exports].flatMap(([func, each]) => (each.sort === 'func' ? [toFunction(func, each, budget)] : []));
  return { name, interface: functions };
}

function toFunction(name: string, { func }: Extract<Entity, { sort: 'func' }>, budget: { left: number }): WitFunction {
  if (budget.left-- <= 0) throw malformed(0, `the world has more than ${MOST_FUNCTIONS} functions, at ${JSON.stringify(clip(name))}`);
  return { name, ...func };
}
