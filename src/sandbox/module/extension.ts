import { clip } from './fault.ts';
import { isOfHost } from './host-modules.ts';
import type { FunctionType, ModuleImport, ModuleInfo } from './model.ts';

/**
 * Whether a module can be linked to another as its extension. Decided from what both declare, so that it is known before anything runs. Functions
 * are all that crosses: each side keeps its own memory, and neither sees the other's.
 */

/** What a module wants of others, by the name it imports from; what the host gives is left out. */
export function wantedOfOthers(imports: readonly ModuleImport[]): ReadonlyMap<string, readonly ModuleImport[]> {
  const others = imports.filter(({ module, kind }) => !isOfHost(module) && kind === 'function');
  return Map.groupBy(others, ({ module }) => module);
}

/** What keeps `extension` from giving these imports, in words that follow its name; none if nothing does. */
export function extensionProblems(wanted: readonly ModuleImport[], extension: Pick<ModuleInfo, 'imports' | 'exports'>): string[] {
  const exported = new Map(extension.exports.map((each) => [each.name, each]));
  const problems: string[] = [];
  if (exported.has('_start')) problems.push('is a command, which exports "_start": an extension is a library');
  const foreign = extension.imports.find(({ module, kind }) => kind !== 'memory' && !(kind === 'function' && isOfHost(module)));
  if (foreign !== undefined)
    problems.push(
      `imports ${foreign.kind} ${clip(`${foreign.module}.${foreign.name}`)}: an extension may use preview 1 and no extension of its own`,
    );
  const initialize = exported.get('_initialize');
  if (initialize !== undefined && describe(initialize) !== '() -> ()') problems.push('has an "_initialize" that takes or returns values');
  for (const each of wanted) {
    const found = exported.get(each.name);
    if (found === undefined) problems.push(`exports no "${clip(each.name)}"`);
    else if (describe(found) !== describe(each))
      problems.push(`exports "${clip(each.name)}" as ${describe(found)}, it is imported as ${describe(each)}`);
  }
  return problems;
}

function describe(of: { readonly kind: string; readonly type: unknown }): string {
  if (of.kind !== 'function') return `a ${of.kind}`;
  const { params, results } = of.type as FunctionType;
  return `(${params.join(', ')}) -> (${results.join(', ')})`;
}
