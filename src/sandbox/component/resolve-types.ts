import { type Codec, PRIMITIVES } from './codec.ts';
import { flagsOf, recordOf, tupleOf } from './codec-compounds.ts';
import { handleOf } from './codec-handles.ts';
import { listOf, STRING } from './codec-sequences.ts';
import { enumOf, optionOf, resultOf, variantOf } from './codec-variants.ts';
import type { ResourceType } from './handles.ts';
import type { TypeDefinition, ValueRef } from './model.ts';
import { invalid, type Scope, type TypeItem } from './scope.ts';
import { signatureOf } from './signature.ts';

/** Values of a type go through functions that call each other as deep as the type is. */
const MOST_DEPTH = 64;
const MOST_SIZE = 2 ** 28;
const MOST_PARAMETERS = 1000;

/** A type of values or of functions; `undefined` for those of instances, components and resources, which are more than what they are made of. */
export function resolveType(definition: TypeDefinition, scope: Scope): TypeItem | undefined {
  switch (definition.kind) {
    case 'instance':
    case 'component':
      return { kind: definition.kind, declarations: definition.declarations, scope };
    case 'resource':
      return undefined;
    case 'func': {
      const { params, result } = definition;
      if (params.length > MOST_PARAMETERS) throw invalid(`a function takes ${params.length} parameters, ${MOST_PARAMETERS} are allowed`);
      const codecs = params.map(({ name, type }) => ({ name, codec: codecOf(type, scope) }));
      return { kind: 'func', signature: signatureOf(codecs, result === undefined ? undefined : codecOf(result, scope)) };
    }
    default:
      return { kind: 'value', codec: bounded(makeCodec(definition, scope)) };
  }
}

export function resourceAt(index: number, scope: Scope): ResourceType {
  const type = scope.get('type', index);
  if (type.kind !== 'resource') throw invalid(`type ${index} is no resource`);
  return type.resource;
}

type ValueDefinition = Exclude<TypeDefinition, { readonly kind: 'instance' | 'component' | 'resource' | 'func' }>;

function makeCodec(definition: ValueDefinition, scope: Scope): Codec {
  const of = (type: ValueRef): Codec => codecOf(type, scope);
  const maybe = (type: ValueRef | undefined): Codec | undefined => (type === undefined ? undefined : of(type));
  switch (definition.kind) {
    case 'primitive':
      return of(definition.primitive);
    case 'record':
      return recordOf(some(definition.fields).map(({ name, type }) => ({ name, codec: of(type) })));
    case 'variant':
      return variantOf(some(definition.cases).map(({ name, type }) => ({ name, payload: maybe(type) })));
    case 'list':
      return listOf(of(definition.element));
    case 'tuple':
      return tupleOf(some(definition.types).map(of));
    case 'flags':
      if (definition.names.length > 32) throw invalid(`a type has ${definition.names.length} flags, 32 are allowed`);
      return flagsOf(some(definition.names));
    case 'enum':
      return enumOf(some(definition.names));
    case 'option':
      return optionOf(of(definition.some));
    case 'result':
      return resultOf(maybe(definition.ok), maybe(definition.err));
    case 'own':
    case 'borrow':
      return handleOf(definition.kind, resourceAt(definition.resource, scope));
  }
}

/** So that every value takes a byte at least, and the memory bounds how many there are. */
function some<T>(parts: readonly T[]): readonly T[] {
  if (parts.length === 0) throw invalid('a type of the component has no parts');
  return parts;
}

function codecOf(type: ValueRef, scope: Scope): Codec {
  if (typeof type === 'string') return type === 'string' ? STRING : PRIMITIVES[type];
  const found = scope.get('type', type);
  if (found.kind !== 'value') throw invalid(`type ${type} is not one of values`);
  return found.codec;
}

function bounded(codec: Codec): Codec {
  if (codec.depth > MOST_DEPTH) throw invalid(`a type nests more than ${MOST_DEPTH} deep`);
  if (codec.size > MOST_SIZE) throw invalid(`values of a type take more than ${MOST_SIZE} bytes`);
  return codec;
}
