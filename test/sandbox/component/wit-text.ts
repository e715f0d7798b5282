import type { WitType } from '../../../src/sandbox/wit/model.ts';

/** WIT of types. Records and their kin have to be declared by name: `declarations` collects them. */
export function witOf(type: WitType, declarations: string[]): string {
  const of = (each: WitType): string => witOf(each, declarations);
  const declare = (kind: string, members: readonly string[]): string => {
    const name = `t${declarations.length}`;
    declarations.push('');
    declarations[declarations.length - 1] = `${kind} ${name} { ${members.join(', ')} }`;
    return name;
  };
  switch (type.kind) {
    case 'list':
      return `list<${of(type.element)}>`;
    case 'tuple':
      return `tuple<${type.types.map(of).join(', ')}>`;
    case 'option':
      return `option<${of(type.some)}>`;
    case 'result': {
      const { ok, err } = type;
      if (err !== undefined) return `result<${ok === undefined ? '_' : of(ok)}, ${of(err)}>`;
      return ok === undefined ? 'result' : `result<${of(ok)}>`;
    }
    case 'record': {
      const fields = type.fields.map((field) => `%${field.name}: ${of(field.type)}`);
      return declare('record', fields);
    }
    case 'variant': {
      const cases = type.cases.map((each) => (each.type === undefined ? `%${each.name}` : `%${each.name}(${of(each.type)})`));
      return declare('variant', cases);
    }
    case 'enum':
    case 'flags':
      return declare(
        type.kind,
        type.names.map((name) => `%${name}`),
      );
    default:
      return type.kind;
  }
}
