import { isDocketError } from '../../errors.ts';
import { constExpression } from '../module/const-expression.ts';
import { malformed } from '../module/fault.ts';
import { METERING } from '../module/host-modules.ts';
import { scan, type Scan, type Section } from '../module/inspect.ts';
import { Reader } from '../module/reader.ts';
import { nameOf } from '../module/writer.ts';
import { readBody, type Body } from './body.ts';
import * as Code from './code.ts';
import { FUEL, STACK } from './counters.ts';
import { type DepthRole, depthRoles } from './depth.ts';
import { Output } from './output.ts';
import { rewriteBody, shiftGlobal } from './rewrite-body.ts';
import { CALL_SLOTS, type Signatures, survey, type Survey } from './survey.ts';

/**
 * A core module with counting put into its code: of the fuel it uses, and of the stack its calls take. docs/fuel.md says what is counted. Two imported globals hold
 * the counters; everything the module exports and imports besides stays as it was. The `name` section is kept without the names of globals.
 *
 * `bytes` must be a module that V8 accepts: what is put in has locals, functions and globals of its own, which code that is not valid could reach.
 * Throws `MODULE_INVALID`.
 */
export function meter(bytes: Uint8Array): Uint8Array {
  const found = scan(bytes);
  if (found.info.imports.some(({ module }) => module === METERING))
    throw malformed(0, `it imports from ${METERING}, which is not for modules`);
  return new ModuleWriter(bytes, found).write();
}

const ID = { name: 0, type: 1, import: 2, function: 3, global: 6, export: 7, start: 8, element: 9, code: 10, data: 11 } as const;
/** Sections in the order they must come in; the name section comes last. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 0] as const;

const FUNCTION = 0;
const GLOBAL = 3;

/** A function that is called from outside by another one, which puts the count of the stack back when it returned: functions leave it as it is. */
interface Door {
  readonly target: number;
  readonly type: number;
  readonly params: number;
}

class ModuleWriter {
  readonly #bytes: Uint8Array;
  readonly #sections: ReadonlyMap<number, Section>;
  readonly #scan: Scan;
  readonly #imported: { readonly functions: number; readonly globals: number };
  /** Slots a value may take. */
  readonly #valueSlots: number;
  readonly #bodies: readonly Body[];
  readonly #surveys: readonly Survey[];
  readonly #roles: readonly DepthRole[];
  /** By index of the function behind it. */
  readonly #doors = new Map<number, Door & { readonly index: number }>();

  constructor(bytes: Uint8Array, found: Scan) {
    this.#bytes = bytes;
    this.#scan = found;
    this.#sections = new Map(found.sections.map((section) => [section.id, section]));
    const { info, types, functions } = found;
    const ofKind = (kind: string): number => info.imports.filter((each) => each.kind === kind).length;
    this.#imported = { functions: ofKind('function'), globals: ofKind('global') };
    this.#bodies = this.#readBodies();
    this.#valueSlots = info.features.includes('simd') ? 2 : 1;
    const signatures: Signatures = {
      types,
      functions,
      imported: this.#imported.functions,
      valueSlots: this.#valueSlots,
    };
    this.#surveys = this.#bodies.map((body, i) => survey(bytes, body, functions[i + this.#imported.functions]!, signatures));
    this.#roles = depthRoles(this.#surveys, this.#imported.functions);
    this.#findDoors();
  }

  write(): Uint8Array {
    const out = new Output(this.#bytes.length + (this.#bytes.length >> 1) + 1024);
    out.copy(this.#bytes, 0, 8);
    for (const id of ORDER) {
      const contents = this.#contents(id);
      if (contents === undefined) continue;
      out.u8(id);
      out.u32(contents.length);
      out.copy(contents);
    }
    return out.view().slice();
  }

  #contents(id: number): Uint8Array | undefined {
    const section = this.#sections.get(id);
    switch (id) {
      case ID.import:
        return this.#imports(section);
      case ID.element:
        return this.#elements(section);
    }
    if (section === undefined) return undefined;
    const out = new Output(section.end - section.contents + 64);
    const reader = new Reader(this.#bytes, section.contents, section.end);
    switch (id) {
      case ID.function:
        this.#functions(reader, out);
        break;
      case ID.global:
        this.#globals(reader, out);
        break;
      case ID.export:
        this.#exports(reader, out);
        break;
      case ID.start:
        out.u32(this.#entrance(reader.u32('the start function')));
        break;
      case ID.code:
        this.#code(out);
        break;
      case ID.data:
        this.#data(reader, out);
        break;
      case ID.name:
        return withoutGlobalNames(reader);
      default:
        out.copy(this.#bytes, section.contents, section.end);
    }
    return out.view();
  }

  #readBodies(): Body[] {
    const section = this.#sections.get(ID.code);
    if (section === undefined) return [];
    const reader = new Reader(this.#bytes, section.contents, section.end);
    return Array.from({ length: reader.u32('the number of bodies') }, () => readBody(reader));
  }

  #paramsOf(index: number): number {
    return this.#scan.functions[index]!.params.length;
  }

  /** Those that are exported or started, and leave another count of the stack than they found. */
  #findDoors(): void {
    const targets = new Set<number>();
    const exports = this.#sections.get(ID.export);
    if (exports !== undefined) {
      const reader = new Reader(this.#bytes, exports.contents, exports.end);
      for (let left = reader.u32('the number of exports'); left > 0; left--) {
        reader.skip(reader.u32('the length of a name'), 'a name');
        const kind = reader.u8('an export');
        const index = reader.u32('an index');
        if (kind === FUNCTION) targets.add(index);
      }
    }
    const start = this.#sections.get(ID.start);
    if (start !== undefined) targets.add(new Reader(this.#bytes, start.contents, start.end).u32('the start function'));
    const types = this.#functionTypes();
    const { functions } = this.#imported;
    for (const target of targets) {
      const role = this.#roles[target - functions];
      if (role === undefined || role === 'bounded') continue;
      const index = functions + this.#bodies.length + this.#doors.size;
      this.#doors.set(target, { target, index, type: types[target - functions]!, params: this.#paramsOf(target) });
    }
  }

  #functionTypes(): number[] {
    const section = this.#sections.get(ID.function);
    if (section === undefined) return [];
    const reader = new Reader(this.#bytes, section.contents, section.end);
    return Array.from({ length: reader.u32('the number of functions') }, () => reader.u32('a type'));
  }

  #entrance(index: number): number {
    return this.#doors.get(index)?.index ?? index;
  }

  #imports(section: Section | undefined): Uint8Array {
    const out = new Output(256 + (section === undefined ? 0 : section.end - section.contents));
    const reader = section && new Reader(this.#bytes, section.contents, section.end);
    out.u32((reader?.u32('the number of imports') ?? 0) + 2);
    if (reader !== undefined) out.copy(this.#bytes, reader.at, reader.end);
    for (const { module, name } of [FUEL, STACK]) {
      out.copy(nameOf(module));
      out.copy(nameOf(name));
      out.u8(GLOBAL, Code.TYPE_I64, 1);
    }
    return out.view();
  }

  #functions(reader: Reader, out: Output): void {
    out.u32(reader.u32('the number of functions') + this.#doors.size);
    out.copy(this.#bytes, reader.at, reader.end);
    for (const { type } of this.#doors.values()) out.u32(type);
  }

  #globals(reader: Reader, out: Output): void {
    const count = reader.u32('the number of globals');
    out.u32(count);
    for (let left = count; left > 0; left--) {
      const start = reader.at;
      reader.skip(2, 'the type of a global');
      out.copy(this.#bytes, start, reader.at);
      this.#expression(reader, out);
    }
  }

  #exports(reader: Reader, out: Output): void {
    const count = reader.u32('the number of exports');
    out.u32(count);
    for (let left = count; left > 0; left--) {
      const start = reader.at;
      reader.skip(reader.u32('the length of a name'), 'a name');
      const kind = reader.u8('an export');
      out.copy(this.#bytes, start, reader.at);
      const index = reader.u32('an index');
      out.u32(kind === FUNCTION ? this.#entrance(index) : kind === GLOBAL ? this.#global(index) : index);
    }
  }

  /** Functions that were exported could be named by `ref.func`; behind a door they are not exported, so a segment declares them. */
  #elements(section: Section | undefined): Uint8Array | undefined {
    const declares = this.#doors.size > 0 && this.#scan.info.features.includes('reference-types');
    if (section === undefined && !declares) return undefined;
    const out = new Output(64 + (section === undefined ? 0 : section.end - section.contents));
    const reader = section && new Reader(this.#bytes, section.contents, section.end);
    const count = reader?.u32('the number of segments') ?? 0;
    out.u32(count + (declares ? 1 : 0));
    if (reader !== undefined) for (let left = count; left > 0; left--) this.#elementSegment(reader, out);
    if (declares) {
      out.u8(3, 0);
      out.u32(this.#doors.size);
      for (const { target } of this.#doors.values()) out.u32(target);
    }
    return out.view();
  }

  /** Flags as in `module/contents.ts`. */
  #elementSegment(reader: Reader, out: Output): void {
    const flags = reader.u32('flags');
    out.u32(flags);
    const isActive = (flags & 1) === 0;
    if (isActive && (flags & 2) !== 0) out.u32(reader.u32('a table'));
    if (isActive) this.#expression(reader, out);
    if ((flags & 3) !== 0) out.u8(reader.u8('a kind'));
    const count = reader.u32('the number of elements');
    out.u32(count);
    for (let left = count; left > 0; left--) {
      if ((flags & 4) === 0) out.u32(reader.u32('a function'));
      else this.#expression(reader, out);
    }
  }

  #data(reader: Reader, out: Output): void {
    const count = reader.u32('the number of segments');
    out.u32(count);
    for (let left = count; left > 0; left--) {
      const flags = reader.u32('flags');
      out.u32(flags);
      if (flags === 2) out.u32(reader.u32('a memory'));
      if (flags !== 1) this.#expression(reader, out);
      const start = reader.at;
      reader.part('a data segment');
      out.copy(this.#bytes, start, reader.at);
    }
  }

  #code(out: Output): void {
    const { functions } = this.#imported;
    const around = {
      bytes: this.#bytes,
      fuel: this.#imported.globals,
      callsThrow: this.#scan.info.features.some((feature) => feature.endsWith('exceptions')),
      isBounded: (index: number): boolean => this.#roles[index - functions] === 'bounded',
    };
    const scratch = new Output(1024);
    out.u32(this.#bodies.length + this.#doors.size);
    for (const [i, body] of this.#bodies.entries()) {
      const params = this.#paramsOf(i + functions);
      // What goes round through a door takes its frame as well.
      const door = this.#doors.has(i + functions) ? CALL_SLOTS + 2 * params * this.#valueSlots : 0;
      rewriteBody(out, { body, params, role: this.#roles[i]!, frame: this.#surveys[i]!.frame + door }, around, scratch);
    }
    for (const door of this.#doors.values()) writeDoor(out, door, this.#imported.globals + 1, scratch);
  }

  #expression(reader: Reader, out: Output): void {
    const start = reader.at;
    const gets: number[] = [];
    constExpression(reader, 'an expression', (at) => gets.push(at));
    let copied = start;
    for (const at of gets) {
      out.copy(this.#bytes, copied, at + 1);
      const index = new Reader(this.#bytes, at + 1, reader.at);
      out.u32(this.#global(index.u32('a global')));
      copied = index.at;
    }
    out.copy(this.#bytes, copied, reader.at);
  }

  #global(index: number): number {
    return shiftGlobal(index, this.#imported.globals);
  }
}

/** Calls its target with what it was given, between reading the count of the stack and putting it back. Costs nothing, and is not counted. */
function writeDoor(out: Output, { target, params }: Door, stack: number, scratch: Output): void {
  scratch.clear();
  scratch.u8(1, 1, Code.TYPE_I64, Code.GLOBAL_GET);
  scratch.u32(stack);
  scratch.u8(Code.LOCAL_SET);
  scratch.u32(params);
  for (let i = 0; i < params; i++) {
    scratch.u8(Code.LOCAL_GET);
    scratch.u32(i);
  }
  scratch.u8(Code.CALL);
  scratch.u32(target);
  scratch.u8(Code.LOCAL_GET);
  scratch.u32(params);
  scratch.u8(Code.GLOBAL_SET);
  scratch.u32(stack);
  scratch.u8(Code.END);
  out.u32(scratch.length);
  out.copy(scratch.view());
}

/** Subsections of the module, of functions and of locals: all that stay right. */
const LAST_KEPT_NAMES = 2;

/** A section that cannot be read is dropped, nobody could. */
function withoutGlobalNames(reader: Reader): Uint8Array | undefined {
  const out = new Output(reader.end - reader.at);
  try {
    const start = reader.at;
    reader.name('the name of a section');
    out.copy(reader.bytes, start, reader.at);
    while (!reader.done) {
      const part = reader.at;
      const id = reader.u8('a part of the name section');
      reader.part('a part of the name section');
      if (id <= LAST_KEPT_NAMES) out.copy(reader.bytes, part, reader.at);
    }
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    return undefined;
  }
  return out.view();
}
