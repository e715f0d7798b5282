import { constExpression } from '../module/const-expression.ts';
import { malformed } from '../module/fault.ts';
import { METERING } from '../module/host-modules.ts';
import { scan, type Section } from '../module/inspect.ts';
import { Reader } from '../module/reader.ts';
import { nameOf } from '../module/writer.ts';
import * as Code from './code.ts';
import { FUEL, STACK } from './counters.ts';
import { writeDoor } from './door.ts';
import { FUNCTION, GLOBAL, ID, type Layout, layoutOf, paramsOf } from './layout.ts';
import { withoutGlobalNames } from './names.ts';
import { Output } from './output.ts';
import { rewriteBody, shiftGlobal } from './rewrite-body.ts';

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
  return new ModuleWriter(layoutOf(bytes, found)).write();
}

/** Sections in the order they must come in; the name section comes last. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 0] as const;

class ModuleWriter {
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#bytes = layout.bytes;
    this.#layout = layout;
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
    return out.view();
  }

  #contents(id: number): Uint8Array | undefined {
    const section = this.#layout.sections.get(id);
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

  #entrance(index: number): number {
    return this.#layout.doors.get(index)?.index ?? index;
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
    out.u32(reader.u32('the number of functions') + this.#layout.doors.size);
    out.copy(this.#bytes, reader.at, reader.end);
    for (const { type } of this.#layout.doors.values()) out.u32(type);
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
    const declares = this.#layout.doors.size > 0 && this.#layout.info.features.includes('reference-types');
    if (section === undefined && !declares) return undefined;
    const out = new Output(64 + (section === undefined ? 0 : section.end - section.contents));
    const reader = section && new Reader(this.#bytes, section.contents, section.end);
    const count = reader?.u32('the number of segments') ?? 0;
    out.u32(count + (declares ? 1 : 0));
    if (reader !== undefined) for (let left = count; left > 0; left--) this.#elementSegment(reader, out);
    if (declares) {
      out.u8(3, 0);
      out.u32(this.#layout.doors.size);
      for (const { target } of this.#layout.doors.values()) out.u32(target);
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
    const { bytes, info, imported, bodies, surveys, roles, doors } = this.#layout;
    const around = {
      bytes,
      fuel: imported.globals,
      callsThrow: info.features.some((feature) => feature.endsWith('exceptions')),
      isBounded: (index: number): boolean => roles[index - imported.functions] === 'bounded',
    };
    const scratch = new Output(1024);
    const flush = (): void => {
      out.u32(scratch.length);
      out.copy(scratch.view());
      scratch.clear();
    };
    out.u32(bodies.length + doors.size);
    for (const [i, body] of bodies.entries()) {
      rewriteBody(
        scratch,
        { body, params: paramsOf(this.#layout, i + imported.functions), role: roles[i]!, frame: surveys[i]!.frame },
        around,
      );
      flush();
    }
    for (const door of doors.values()) {
      writeDoor(scratch, door, imported.globals + 1);
      flush();
    }
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
    return shiftGlobal(index, this.#layout.imported.globals);
  }
}
