import { planComponent } from '../../../src/sandbox/component/plan.ts';
import type { Plan } from '../../../src/sandbox/component/plan-model.ts';
import { make, type Made, REALLOC } from '../../components.ts';
import { hostInterface } from './start.ts';
import { witOf } from './wit-text.ts';
import type { WitType } from '../../../src/sandbox/wit/model.ts';
import { loweredType, returnsInMemory, signatureOf } from '../../../src/sandbox/component/signature.ts';
import { codecOf } from './codec-of.ts';

const HOST = 'test:guest/host';

/** What a plan needs that is to be linked to `test:guest/host`. */
const hostOf = (count: number) =>
  hostInterface(
    HOST,
    Array.from({ length: count }, (_, i) => `pass${i}`),
  );

/**
 * A component that exports a function `pass0`, `pass1`, … for each type, which hands its argument on to the function of the host with the same name, and gives what that
 * gives: so a value is lowered, lifted, lowered and lifted. The core module passes on what it is passed, as it is; that it has the right core types is checked by
 * the tool that makes the component.
 */
export async function passOn(types: readonly WitType[]): Promise<{ readonly made: Made; readonly plan: Plan }> {
  const declarations: string[] = [];
  const texts = types.map((type) => witOf(type, declarations));
  const functions = texts.map((text, i) => `pass${i}: func(a: ${text}) -> ${text};`);
  const world = `interface types { ${declarations.join('\n')} }
    interface host { use types.{${names(declarations)}}; ${functions.join('\n')} }
    world guest { use types.{${names(declarations)}}; import host; ${functions.map((each) => `export ${each}`).join('\n')} }`.replaceAll(
    /use types\.\{\};/g,
    '',
  );
  const shapes = types.map(shapeOf);
  const imports = shapes.map(
    ({ params, results }, i) =>
      `(import "test:guest/host@1.0.0" "pass${i}" (func $f${i} ${core('param', params)} ${core('result', results)}))`,
  );
  const exports = shapes.map(({ params, results, isIndirect }, i) => {
    const own = isIndirect ? params.slice(0, -1) : params;
    const pass = own.map((_, at) => `(local.get ${at})`).join(' ');
    const body = isIndirect ? `(call $f${i} ${pass} (i32.const 1024)) (i32.const 1024)` : `(call $f${i} ${pass})`;
    return `(func (export "pass${i}") ${core('param', own)} ${core('result', isIndirect ? ['i32'] : results)} ${body})`;
  });
  const made = await make(`(module ${imports.join('\n')} (memory (export "memory") 2) ${REALLOC} ${exports.join('\n')})`, world);
  return { made, plan: planComponent(made.component, [hostOf(types.length)]) };
}

function names(declarations: readonly string[]): string {
  return declarations.map((_, i) => `t${i}`).join(', ');
}

function core(kind: string, types: readonly string[]): string {
  return types.length === 0 ? '' : `(${kind} ${types.join(' ')})`;
}

function shapeOf(type: WitType): ReturnType<typeof loweredType> & { readonly isIndirect: boolean } {
  const codec = codecOf(type);
  const signature = signatureOf([{ name: 'a', codec }], codec);
  return { ...loweredType(signature), isIndirect: returnsInMemory(signature) };
}
