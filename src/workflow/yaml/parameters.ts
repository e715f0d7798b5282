import { DocketError, type Place } from '../../errors.ts';
import { float, integer, type Ipld } from '../../ipld/value.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { Parameter } from './model.ts';

/** Values for all inputs: those given, else their defaults. Throws `WORKFLOW_INPUT`, which lists the inputs. */
export function fillInputs(
  parameters: ReadonlyMap<string, Parameter>,
  given: Readonly<Record<string, string>>,
  place: Place,
): ReadonlyMap<string, Ipld> {
  const refuse = (message: string): never => {
    const list = [...parameters].map(([name, parameter]) => describe(name, parameter));
    const next = list.length === 0 ? 'The workflow has no inputs.' : `Inputs: ${list.join('; ')}.`;
    throw new DocketError('WORKFLOW_INPUT', message, { place, next, details: { inputs: [...parameters.keys()] } });
  };
  for (const name of Object.keys(given)) {
    if (!parameters.has(name)) refuse(`the workflow has no input "${name}"${didYouMean(name, parameters.keys())}`);
  }
  const missing = [...parameters]
    .filter(([name, { fallback }]) => fallback === undefined && !Object.hasOwn(given, name))
    .map(([name]) => name);
  if (missing.length > 0) refuse(`the workflow needs ${missing.map((name) => `--input ${name}=…`).join(' ')}`);
  return new Map(
    [...parameters].map(([name, { type, fallback }]) => {
      if (!Object.hasOwn(given, name)) return [name, fallback!];
      const text = given[name]!;
      return [name, parseAs(type, text) ?? refuse(`--input ${name} must be of type ${type}, not "${text}"`)];
    }),
  );
}

function parseAs(type: Parameter['type'], text: string): Ipld | undefined {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (/^[+-]?\d{1,20}$/.test(text)) {
    const value = BigInt(text.replace(/^\+/, ''));
    return value >= -(2n ** 64n) && value < 2n ** 64n ? integer(value) : undefined;
  }
  const value = Number(text);
  return type === 'number' && text.trim() !== '' && Number.isFinite(value) ? float(value) : undefined;
}

function describe(name: string, { type, fallback, description }: Parameter): string {
  const facts = [type === 'string' ? '' : type, fallback === undefined ? 'required' : ''].filter((fact) => fact !== '');
  return `${name}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}${description === undefined ? '' : `: ${description}`}`;
}
