import { float, type Ipld } from '../../ipld/value.ts';
import type { WitType } from './model.ts';
import { isIntegerType, isNullable } from './shapes.ts';

/** A value that a type takes, to show how one is written. Types that take none give null. */
export function sampleOf(type: WitType): Ipld {
  switch (type.kind) {
    case 'bool':
      return true;
    case 'f32':
    case 'f64':
      return float(1.5);
    case 'char':
      return 'a';
    case 'string':
      return 'text';
    case 'list':
      return [sampleOf(type.element)];
    case 'record':
      return Object.fromEntries(type.fields.map((field) => [field.name, sampleOf(field.type)]));
    case 'tuple':
      return type.types.map(sampleOf);
    case 'variant': {
      const [first] = type.cases;
      return first === undefined ? null : { [first.name]: first.type === undefined ? null : sampleOf(first.type) };
    }
    case 'enum':
      return type.names[0] ?? null;
    case 'flags':
      return type.names.slice(0, 1);
    case 'option':
      return isNullable(type.some) ? [sampleOf(type.some)] : sampleOf(type.some);
    case 'result': {
      const ok = type.ok === undefined ? 1 : sampleOf(type.ok);
      return [isNullable(type.ok) && isNullable(type.err) ? [ok] : ok, null];
    }
    default:
      return isIntegerType(type) ? 1 : null;
  }
}
