import { DocketError } from '../../errors.ts';
import { MOST_PAGES } from './declarations.ts';
import { DOCKET } from './host-modules.ts';
import { type Scan, scan, type Section } from './inspect.ts';
import type { ImportName, ModuleInfo } from './model.ts';
import { Reader } from './reader.ts';
import { tableCaps } from './table-caps.ts';
import { concat, limitsOf, nameOf, sectionOf, u32 } from './writer.ts';

/** Where a module that defined its memory now imports it from. */
const DOCKET_MEMORY: ImportName = { module: DOCKET, name: 'memory' };

export interface Prepared {
  /** To compile. Derived from the module given: made locally, never sent to another agent. */
  readonly bytes: Uint8Array;
  /** Of the module given, before rewriting. */
  readonly info: ModuleInfo;
  /** Under which name the host supplies the memory; absent if the module has none. */
  readonly memoryImport?: ImportName;
}

/**
 * A module made ready for a host that bounds it: a memory it defines becomes an import (one compiled module serves every cap), each
 * table it defines gets a maximum. Indices of functions, tables and globals stay what they were, since imported and defined
 * memories share one index and nothing else is added. Custom sections but `name` (which gives traps their function names) are dropped: V8 has
 * meaning for some of them, none is needed. Throws `MODULE_INVALID`, also if V8 does not accept the module.
 */
export function prepare(bytes: Uint8Array): Prepared {
  const prepared = derive(bytes);
  if (!WebAssembly.validate(prepared.bytes)) throw rejected(bytes);
  return prepared;
}

/** `prepare`, and the module compiled. Compiling validates too, so it is not done twice: that took a third of both for a module of 30 MB. */
export function compile(bytes: Uint8Array): Prepared & { readonly module: WebAssembly.Module } {
  const prepared = derive(bytes);
  try {
    return { ...prepared, module: new WebAssembly.Module(prepared.bytes) };
  } catch (error) {
    throw error instanceof WebAssembly.CompileError ? rejected(bytes) : error;
  }
}

function derive(bytes: Uint8Array): Prepared {
  const found = scan(bytes);
  const rewritten = rewrite(bytes, found);
  const { info } = found;
  if (info.memory === undefined) return { bytes: rewritten, info };
  return { bytes: rewritten, info, memoryImport: info.memory.imported ?? DOCKET_MEMORY };
}

const TYPE = 1;
const IMPORT = 2;
const TABLE = 4;
const MEMORY = 5;

function rewrite(bytes: Uint8Array, { info, sections }: Scan): Uint8Array {
  const defined = info.memory !== undefined && info.memory.imported === undefined ? info.memory : undefined;
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  let pending = defined !== undefined;
  for (const section of sections) {
    if (pending && section.id > TYPE) {
      parts.push(importSection(bytes, section.id === IMPORT ? section : undefined, memoryEntry(defined)));
      pending = false;
      if (section.id === IMPORT) continue;
    }
    if (section.id === MEMORY) continue;
    if (section.id === TABLE) parts.push(tableSection(info));
    else parts.push(bytes.subarray(section.start, section.end));
  }
  return concat(parts);
}

/** The import section with one entry more, at its end. */
function importSection(bytes: Uint8Array, section: Section | undefined, entry: Uint8Array): Uint8Array {
  if (section === undefined) return sectionOf(IMPORT, [u32(1), entry]);
  const reader = new Reader(bytes, section.contents, section.end);
  const count = reader.u32('the number of imports');
  return sectionOf(IMPORT, [u32(count + 1), bytes.subarray(reader.at, section.end), entry]);
}

function memoryEntry(memory: ModuleInfo['memory']): Uint8Array {
  const { initial, maximum } = memory as NonNullable<typeof memory>;
  return concat([nameOf(DOCKET_MEMORY.module), nameOf(DOCKET_MEMORY.name), Uint8Array.of(0x02), limitsOf(initial, maximum ?? MOST_PAGES)]);
}

const ELEMENT_CODES = { funcref: 0x70, externref: 0x6f } as const;

/** An imported table is as large as who supplies it says; it counts in the sum with what it may become. */
function tableSection(info: ModuleInfo): Uint8Array {
  const caps = tableCaps(info.tables);
  const entries = info.tables.flatMap((table, i) =>
    table.imported === undefined ? [Uint8Array.of(ELEMENT_CODES[table.element]), limitsOf(table.initial, caps[i] as number)] : [],
  );
  return sectionOf(TABLE, [u32(entries.length / 2), ...entries]);
}

/** Compiles the bytes as given, so that V8's words and its offset are about them. */
function rejected(bytes: Uint8Array): DocketError {
  try {
    void new WebAssembly.Module(bytes);
  } catch (cause) {
    if (!(cause instanceof WebAssembly.CompileError)) throw cause;
    return new DocketError('MODULE_INVALID', `not valid WebAssembly: ${cause.message.replace(/^WebAssembly\.Module\(\): /, '')}`, {
      cause,
    });
  }
  return new DocketError('INTERNAL', 'a valid module became invalid when its memory was made an import');
}
