import type { Scan, Section } from '../module/inspect.ts';
import type { ModuleInfo } from '../module/model.ts';
import { Reader } from '../module/reader.ts';
import { type Body, readBody } from './body.ts';
import { type DepthRole, depthRoles } from './depth.ts';
import type { Door } from './door.ts';
import { CALL_SLOTS, survey, type Survey } from './survey.ts';

/** Ids of sections that metering changes. */
export const ID = { name: 0, import: 2, function: 3, global: 6, export: 7, start: 8, element: 9, code: 10, data: 11 } as const;
/** Kinds of imports and exports. */
export const FUNCTION = 0;
export const GLOBAL = 3;

/** What is known of a module before it is written anew. Lists of functions are of those with a body; their indices come after the imported ones. */
export interface Layout {
  readonly bytes: Uint8Array;
  readonly info: ModuleInfo;
  readonly functions: Scan['functions'];
  readonly sections: ReadonlyMap<number, Section>;
  readonly imported: { readonly functions: number; readonly globals: number };
  readonly bodies: readonly Body[];
  readonly surveys: readonly Survey[];
  readonly roles: readonly DepthRole[];
  /** By index of the function behind it. */
  readonly doors: ReadonlyMap<number, Door>;
}

export function layoutOf(bytes: Uint8Array, { info, sections: found, types, functions }: Scan): Layout {
  const sections = new Map(found.map((section) => [section.id, section]));
  const ofKind = (kind: string): number => info.imports.filter((each) => each.kind === kind).length;
  const imported = { functions: ofKind('function'), globals: ofKind('global') };
  const valueSlots = info.features.includes('simd') ? 2 : 1;
  const bodies = listOf(bytes, sections.get(ID.code), readBody);
  const signatures = { types, functions, imported: imported.functions, valueSlots };
  const surveys = bodies.map((body, i) => survey(bytes, body, functions[i + imported.functions]!, signatures));
  const roles = depthRoles(surveys, imported.functions);
  const layout = { bytes, info, functions, sections, imported, bodies, surveys, roles };
  return { ...layout, doors: doorsOf(layout, valueSlots) };
}

export function paramsOf({ functions }: Pick<Layout, 'functions'>, index: number): number {
  return functions[index]!.params.length;
}

/** For those that are exported or started, and leave another count of the stack than they found. */
function doorsOf(layout: Omit<Layout, 'doors'>, valueSlots: number): Map<number, Door> {
  const { bytes, sections, imported, bodies, roles } = layout;
  const targets = new Set<number>();
  listOf(bytes, sections.get(ID.export), (reader) => {
    reader.skip(reader.u32('the length of a name'), 'a name');
    const kind = reader.u8('an export');
    const index = reader.u32('an index');
    if (kind === FUNCTION) targets.add(index);
  });
  const start = sections.get(ID.start);
  if (start !== undefined) targets.add(new Reader(bytes, start.contents, start.end).u32('the start function'));
  const types = listOf(bytes, sections.get(ID.function), (reader) => reader.u32('a type'));
  const doors = new Map<number, Door>();
  for (const target of targets) {
    const defined = target - imported.functions;
    const role = roles[defined];
    if (role === undefined || role === 'bounded') continue;
    const index = imported.functions + bodies.length + doors.size;
    const params = paramsOf(layout, target);
    doors.set(target, { index, target, type: types[defined]!, params, frame: CALL_SLOTS + 2 * params * valueSlots });
  }
  return doors;
}

/** What `read` makes of each entry of a section; none if there is no such section. */
function listOf<T>(bytes: Uint8Array, section: Section | undefined, read: (reader: Reader) => T): T[] {
  if (section === undefined) return [];
  const reader = new Reader(bytes, section.contents, section.end);
  return Array.from({ length: reader.u32('a count') }, () => read(reader));
}
