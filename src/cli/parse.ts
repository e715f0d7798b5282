import { DocketError } from '../errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { type Call, type Command, optionsOf, type OptionSpec, type OptionSpecs } from './command.ts';

type Parsed = Pick<Call, 'words' | 'rest' | 'flag' | 'value' | 'values' | 'usage'>;

/**
 * Checks the words of a command line against the command's specification. Options may stand before, between and after words, as `--name value`
 * or `--name=value`; `--` ends them. Nothing is ignored: what is unknown, given twice or empty is refused. Throws `USAGE`.
 */
export function parse(name: string, command: Command, args: readonly string[]): Parsed {
  const specs = optionsOf(command);
  const usage: Call['usage'] = (message, next = `See \`docket help ${name}\`.`) =>
    new DocketError('USAGE', `docket ${name}: ${message}`, { next });
  const words: string[] = [];
  let rest: string[] | undefined;
  const flags = new Set<string>();
  const values = new Map<string, string[]>();

  for (const token of tokensOf(args, specs)) {
    if (token.kind === 'option-terminator') {
      if (command.rest === true) rest = [];
      continue;
    }
    if (token.kind === 'positional') {
      (rest ?? words).push(token.value);
      continue;
    }
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw usage(`there is no option ${token.rawName}${nearest(token.name, specs)}`);
    const given = valueOf(token, spec, usage);
    if (given === undefined) flags.add(token.name);
    else if (spec.many !== true && values.has(token.name)) throw usage(`${token.rawName} is given twice`);
    else values.set(token.name, [...(values.get(token.name) ?? []), given]);
  }

  if (!flags.has('help')) checkCount(words, command, usage);
  return {
    words,
    rest,
    usage,
    flag: (option) => flags.has(option),
    value: (option) => values.get(option)?.[0],
    values: (option) => values.get(option) ?? [],
  };
}

/** What Node's parser makes of one argument. */
type Token =
  | { readonly kind: 'option-terminator' }
  | { readonly kind: 'positional'; readonly value: string }
  | {
      readonly kind: 'option';
      readonly name: string;
      readonly rawName: string;
      readonly value?: string | undefined;
      readonly inlineValue?: boolean | undefined;
    };

/** Node's parser cuts the arguments apart; what they mean is judged here, since its own messages neither suggest nor say what to do. */
function tokensOf(args: readonly string[], specs: OptionSpecs): readonly Token[] {
  const options = Object.entries(specs).map(([option, { type, short }]) => [
    option,
    { type: type === 'flag' ? ('boolean' as const) : ('string' as const), ...(short === undefined ? {} : { short }) },
  ]);
  // Asked for and not imported: importing node:util evaluates every lazy part of it, which takes as long as all the rest of parsing.
  const { parseArgs } = process.getBuiltinModule('node:util');
  return parseArgs({ args: [...args], strict: false, allowPositionals: true, tokens: true, options: Object.fromEntries(options) }).tokens;
}

/** The value of an option, undefined for a flag. */
function valueOf(
  { rawName, value, inlineValue }: Extract<Token, { kind: 'option' }>,
  spec: OptionSpec,
  usage: Call['usage'],
): string | undefined {
  if (spec.type === 'flag') {
    if (value === undefined) return undefined;
    throw usage(`${rawName} takes no value, so not "${value}"`);
  }
  const wanted = `${rawName} needs a value: ${rawName} ${spec.value ?? 'VALUE'}`;
  if (value === undefined || value === '') throw usage(wanted);
  // Most likely the next option; who means it can say so with `=`.
  if (inlineValue !== true && value.length > 1 && value.startsWith('-'))
    throw usage(`${wanted} (write ${rawName}=${value} if that is the value)`);
  return value;
}

function nearest(name: string, specs: OptionSpecs): string {
  // Compared without the dashes, which would make any two options look alike.
  return didYouMean(name, Object.keys(specs)).replace('"', '"--');
}

function checkCount(words: readonly string[], command: Command, usage: Call['usage']): void {
  const [fewest, most] = command.words ?? [0, 0];
  // As a script gives it whose variable is not set. No name, path or id is empty.
  if (words.includes('')) throw usage(`takes no empty word; it takes ${command.usage}`);
  if (words.length < fewest) throw usage(`needs ${command.usage}`);
  if (words.length > most) throw usage(`takes no "${words[most]}"`, command.tooMany);
}
