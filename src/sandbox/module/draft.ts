import type { ExternType, FunctionType, GlobalType, ImportName, ModuleExport, ModuleImport, ModuleInfo } from './model.ts';

/** What is known of a module while its sections are read; each section's decoder adds its part. */
export interface Draft {
  readonly types: FunctionType[];
  readonly imports: ModuleImport[];
  readonly exports: ModuleExport[];
  /** Index spaces, imported ones first. */
  readonly functions: FunctionType[];
  readonly tables: ModuleInfo['tables'][number][];
  readonly globals: GlobalType[];
  readonly tags: FunctionType[];
  memory: ModuleInfo['memory'];
  /** Functions declared, which must equal the bodies. */
  declared: number;
  bodies: number;
  /** Data segments announced ahead of the code, if they are. */
  announced: number | undefined;
  segments: number;
  start: boolean;
  hasComponentType: boolean;
  /** Whether the name section came. */
  named: boolean;
  names: ModuleInfo['names'];
  features: number;
}

export function emptyDraft(): Draft {
  return {
    types: [],
    imports: [],
    exports: [],
    functions: [],
    tables: [],
    globals: [],
    tags: [],
    memory: undefined,
    declared: 0,
    bodies: 0,
    announced: undefined,
    segments: 0,
    start: false,
    hasComponentType: false,
    named: false,
    names: undefined,
    features: 0,
  };
}

/** Puts an import into its index space. */
export function addImport(draft: Draft, name: ImportName, type: ExternType): void {
  draft.imports.push({ ...name, ...type });
  switch (type.kind) {
    case 'function':
      draft.functions.push(type.type);
      break;
    case 'table':
      draft.tables.push({ ...type.type, imported: name });
      break;
    case 'memory':
      draft.memory = { ...type.type, imported: name };
      break;
    case 'global':
      draft.globals.push(type.type);
      break;
    case 'tag':
      draft.tags.push(type.type);
      break;
  }
}
