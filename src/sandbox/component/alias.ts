import type { Alias } from './model.ts';
import type { CoreItem } from './plan-model.ts';
import { CORE_KINDS, invalid, named, type Scope } from './scope.ts';

/** Adds to a scope what an alias in it names. Throws `MODULE_INVALID`. */
export function addAlias({ sort, target }: Alias, scope: Scope): void {
  switch (target.kind) {
    case 'outer': {
      const outer = scope.outer(target.count);
      if (sort === 'core module') return scope.add(sort, outer.get(sort, target.index));
      if (sort === 'core type') return undefined;
      return scope.addItem(outer.item(sort, target.index));
    }
    case 'export': {
      const found = scope.get('instance', target.instance).get(target.name);
      if (found?.sort !== sort) throw invalid(`an instance has no ${sort} ${named(target.name)}`);
      return scope.addItem(found);
    }
    case 'core export': {
      const kind = CORE_KINDS[sort as keyof typeof CORE_KINDS];
      const found = scope.get('core instance', target.instance).get(target.name);
      if (found === undefined || kind !== kindOf(found)) throw invalid(`a core instance has no ${kind} ${named(target.name)}`);
      return scope.add(sort as keyof typeof CORE_KINDS, found);
    }
  }
}

function kindOf(item: CoreItem): string {
  return item.kind === 'export' ? item.item.kind : 'function';
}
