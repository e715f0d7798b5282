import type { DocketError } from '../errors.ts';

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
  /** Words after `--` of a command that keeps them apart; undefined if there was no `--`. */
  readonly rest: readonly string[] | undefined;
  flag(name: string): boolean;
  value(name: string): string | undefined;
  values(name: string): readonly string[];
  /** The error for a call that is wrong in a way only the command can tell. */
  usage(message: string, next?: string): DocketError;
  readonly streams: Streams;
  /** Aborted by the first Ctrl-C, SIGTERM or hang-up. */
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
  /** Whether it has to do with a home of this machine and never with an agent elsewhere. */
  readonly isOfHome?: boolean;
  /** Options of all commands that this one refuses itself, with the reason; its help does not offer them. */
  readonly refuses?: readonly string[];
  /** Whether words after `--` are kept apart, for somebody else. Otherwise they are words like others that may begin with a dash. */
  readonly rest?: boolean;
  /** What to do about a word too many. */
  readonly tooMany?: string;
  /** Exit status of a failure that is Docket's own or the call's; default: the error's. */
  readonly failure?: (error: unknown) => number;
  /** Gives the exit status. */
  run(call: Call): Promise<number>;
}

/** Options of a command that works at an agent as well as on a home. */
const DESK_OPTIONS = {
  agent: { type: 'value', value: 'URL', help: 'work at this agent instead of a home of this machine (default: DOCKET_AGENT)' },
  'token-file': { type: 'value', value: 'FILE', help: 'the token for that agent (default: DOCKET_TOKEN, else that of the own home)' },
  local: { type: 'flag', help: 'work on the home itself, also if an agent runs on it' },
} as const satisfies OptionSpecs;

/** Options every command takes. */
const COMMON_OPTIONS = {
  home: { type: 'value', value: 'DIR', help: 'where results are kept (default: DOCKET_HOME, else the user’s data folder)' },
  json: { type: 'flag', help: 'print one JSON document on stdout and nothing else there' },
  help: { type: 'flag', short: 'h', help: 'explain this command' },
} as const satisfies OptionSpecs;

/** All options of a command. */
export function optionsOf({ options, isOfHome = false }: Command): OptionSpecs {
  return { ...options, ...(isOfHome ? {} : DESK_OPTIONS), ...COMMON_OPTIONS };
}

/** The help of one command. */
export function helpText(name: string, command: Command): string {
  const { refuses = [] } = command;
  const specs = Object.entries(optionsOf(command)).filter(([option]) => !refuses.includes(option));
  const rows = specs.map(([option, spec]): [string, string] => [
    `  ${spec.short === undefined ? '' : `-${spec.short}, `}--${option}${spec.type === 'value' ? ` ${spec.value ?? 'VALUE'}` : ''}`,
    `${spec.help}${spec.many === true ? ' (may be repeated)' : ''}`,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const options = rows.map(([left, right]) => `${left.padEnd(width)}${right}`).join('\n');
  const more = command.help === undefined ? '' : `\n${command.help.trim()}\n`;
  return `docket ${name} ${command.usage}\n\n${command.summary}\n\nOptions:\n${options}\n${more}`;
}
