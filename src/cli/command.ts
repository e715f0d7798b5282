import { parseArgs } from 'node:util';
import { DocketError } from '../errors.ts';

/** One option of a command, as data: parsed, checked and printed in help from the same place. */
export interface OptionSpec {
  readonly type: 'flag' | 'value';
  readonly short?: string;
  /** Placeholder of the value in help: `DIR`. */
  readonly value?: string;
  readonly many?: boolean;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What a command gets: words, options, and the streams it may write to. */
export interface Call {
  readonly words: readonly string[];
  /** Words after `--`, undefined if there was no `--`. */
  readonly rest: readonly string[] | undefined;
  flag(name: string): boolean;
  value(name: string): string | undefined;
  values(name: string): readonly string[];
  readonly streams: Streams;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Streams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Words of the command line: `FILE [--input k=v]…`. */
  readonly usage: string;
  readonly options: OptionSpecs;
  /** Paragraphs and examples after the options. */
  readonly help?: string;
  /** Fewest and most words, `--` aside; default 0 and 0. */
  readonly words?: readonly [number, number];
  /** Whether words after `--` are taken. */
  readonly rest?: boolean;
  /** Gives the exit status. */
  run(call: Call): Promise<number>;
}

/** Options every command takes. */
export const COMMON_OPTIONS = {
  home: { type: 'value', value: 'DIR', help: 'where results are kept (default: DOCKET_HOME, else the user’s data folder)' },
  json: { type: 'flag', help: 'print one JSON document on stdout and nothing else there' },
  help: { type: 'flag', short: 'h', help: 'explain this command' },
} as const satisfies OptionSpecs;

type Parsed = Pick<Call, 'words' | 'rest' | 'flag' | 'value' | 'values'>;

/** Checks the words of a command line against its specification. Throws `USAGE`. */
export function parse(name: string, command: Command, args: readonly string[]): Parsed {
  const specs: OptionSpecs = { ...COMMON_OPTIONS, ...command.options };
  const dashes = args.indexOf('--');
  const before = dashes < 0 ? args : args.slice(0, dashes);
  const rest = dashes < 0 ? undefined : args.slice(dashes + 1);
  const usage = (message: string): DocketError => new DocketError('USAGE', `docket ${name}: ${message}`, { next: `See \`docket help ${name}\`.` });
  if (rest !== undefined && command.rest !== true) throw usage('takes no words after `--`');

  let parsed;
  try {
    parsed = parseArgs({
      args: [...before],
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        Object.entries(specs).map(([option, spec]) => [
          option,
          {
            type: spec.type === 'flag' ? ('boolean' as const) : ('string' as const),
            multiple: spec.many === true,
            ...(spec.short === undefined ? {} : { short: spec.short }),
          },
        ]),
      ),
    });
  } catch (cause) {
    throw usage((cause as Error).message.split('\n')[0]!);
  }
  const { values, positionals } = parsed;
  const [fewest, most] = command.words ?? [0, 0];
  if (positionals.length < fewest && values.help !== true) throw usage(`needs ${command.usage}`);
  if (positionals.length > most) throw usage(`does not take "${positionals[most]}"`);
  return {
    words: positionals,
    rest,
    flag: (option) => values[option] === true,
    value: (option) => {
      const value = values[option];
      return typeof value === 'string' ? value : undefined;
    },
    values: (option) => {
      const value = values[option];
      return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
    },
  };
}

/** The help of one command. */
export function helpText(name: string, command: Command): string {
  const specs: OptionSpecs = { ...command.options, ...COMMON_OPTIONS };
  const rows = Object.entries(specs).map(([option, spec]): [string, string] => [
    `  ${spec.short === undefined ? '' : `-${spec.short}, `}--${option}${spec.type === 'value' ? ` ${spec.value ?? 'VALUE'}` : ''}`,
    `${spec.help}${spec.many === true ? ' (may be repeated)' : ''}`,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const options = rows.map(([left, right]) => `${left.padEnd(width)}${right}`).join('\n');
  return `docket ${name} ${command.usage}\n\n${command.summary}\n\nOptions:\n${options}\n${command.help === undefined ? '' : `\n${command.help.trim()}\n`}`;
}
