import { type Codec, PRIMITIVES } from '../../../src/sandbox/component/codec.ts';
import { flagsOf, recordOf, tupleOf } from '../../../src/sandbox/component/codec-compounds.ts';
import { listOf, STRING } from '../../../src/sandbox/component/codec-sequences.ts';
import { enumOf, optionOf, resultOf, variantOf } from '../../../src/sandbox/component/codec-variants.ts';
import type { WitPrimitive, WitType } from '../../../src/sandbox/wit/model.ts';

/** The codec of a type without handles. */
export function codecOf(type: WitType): Codec {
  const maybe = (each: WitType | undefined): Codec | undefined => (each === undefined ? undefined : codecOf(each));
  switch (type.kind) {
    case 'string':
      return STRING;
    case 'list':
      return listOf(codecOf(type.element));
    case 'record':
      return recordOf(type.fields.map((field) => ({ name: field.name, codec: codecOf(field.type) })));
    case 'tuple':
      return tupleOf(type.types.map(codecOf));
    case 'variant':
      return variantOf(type.cases.map((each) => ({ name: each.name, payload: maybe(each.type) })));
    case 'enum':
      return enumOf(type.names);
    case 'flags':
      return flagsOf(type.names);
    case 'option':
      return optionOf(codecOf(type.some));
    case 'result':
      return resultOf(maybe(type.ok), maybe(type.err));
    default:
      return PRIMITIVES[type.kind as Exclude<WitPrimitive, 'string'>];
  }
}
