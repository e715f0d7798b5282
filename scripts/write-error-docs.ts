/** `npm run docs`: writes docs/errors.md from the registry of errors and the failure codes, so that neither can drift from it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../src/errors.ts';
import { FAILURE_CODES, type FailureCode } from '../src/receipt/outcome.ts';
import { ROOT } from './run-command.ts';

/** What a failure means, what to do, and whether `memo: errors` may keep it. */
const FAILURES: Record<FailureCode, readonly [meaning: string, next: string, memoizable: boolean]> = {
  exit: [
    'The program ended with an exit status other than 0. `data` holds `exit`, `stdout`, `stderr` and `files`.',
    'Read its stderr: `docket logs RUN TASK`.',
    true,
  ],
  trap: [
    'The program trapped: `unreachable`, a division by zero, an access outside of its memory.',
    'It is a fault in the program; the message names the trap. A program that is refused more memory often traps too: if it held at least half of its limit, the message says so.',
    true,
  ],
  invalid: [
    'The module or its input was refused: a malformed binary, an import nobody offers, a missing export, an argument of the wrong type.',
    'The message names what does not fit.',
    true,
  ],
  'limit/output': [
    'It wrote more bytes to stdout, stderr and files together than `limits.output` allows.',
    'Raise the limit, or let it write less.',
    true,
  ],
  'limit/memory': [
    'Its module starts with more memory than `limits.memory` allows. (One that asks for more while it runs is told no: `memory.grow` gives −1. Most programs then trap, or exit with a status of their own.)',
    'Raise the limit.',
    true,
  ],
  'limit/fuel': [
    'It used more fuel than `limits.fuel` allows. The same task uses the same everywhere, see [fuel.md](fuel.md).',
    'Raise the limit if it does not loop for ever; the receipt of a run with enough says what it uses.',
    true,
  ],
  'limit/call-depth': [
    'Its fuel is limited, and its calls nested deeper than such a task may. How deep that is depends on its functions, and is the same everywhere, see [fuel.md](fuel.md).',
    'It most likely recurses without end. Without a limit of fuel the engine may hold more.',
    true,
  ],
  'limit/stack': [
    'Its calls nested deeper than the engine can hold. How deep that is depends on how far the code was optimized.',
    'It most likely recurses without end.',
    false,
  ],
  'limit/time': ['It ran longer than `limits.time` allows and was killed.', 'Raise the limit if it does not loop for ever.', false],
  'limit/host-memory': [
    'It made its slot use more memory than the host grants, outside of its own WebAssembly memory, and was killed.',
    'Look at what it allocates: tables, and very many files.',
    false,
  ],
  lost: [
    'The process that ran it died, or the command that drove the run was killed.',
    'Run again; finished tasks are not run twice.',
    false,
  ],
  unfetched: [
    'Its module or an input lies elsewhere, and could not be fetched: nobody could be asked or had it, what was given is something else, or it may not be asked for.',
    'See what each place said; name a gateway or allow the host, then `docket resume RUN`. docs/resources.md says more.',
    false,
  ],
  unresolved: [
    'It awaits an instruction that is not in its workflow, and no receipt of the kind it awaits was there or came within the time the run allows.',
    'Run the awaited instruction, or allow more time: `--await-time`.',
    false,
  ],
  unkept: [
    'Its output was to be durable, and could not be put where it outlives the agents that have it: the message says why, its data the code of the reason. The result itself is filed.',
    'Do what docs/errors.md says of that code; then `docket resume RUN` puts it there, without running the task again.',
    false,
  ],
  disagreement: [
    'The author asked for so many agents to agree on what comes out, and no so many did. The message names who gave what, with their receipts.',
    'Compare the receipts with `docket receipt show`; whoever is at fault is taken off with `docket trust rm DID`. Then `docket resume RUN`.',
    false,
  ],
  unplaceable: [
    'No agent that could run it was there within the time it may wait: none has its op, the tags, the memory or the slots it needs, or those that have refuse it, give receipts that are not good, do not answer, or take no tasks though they are idle.',
    'The message says what is lacking. Start an agent that has it, or change `needs`; then `docket resume RUN`.',
    false,
  ],
  cancelled: ['The run was cancelled while it ran.', '`docket resume RUN` goes on.', false],
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

export function errorDocs(): string {
  const errors = Object.entries(ERROR_CODES).map(([code, entry]) => {
    return [`\`${code}\``, entry.summary, entry.next, String('exit' in entry ? entry.exit : 1)];
  });
  const failures = FAILURE_CODES.map((code) => {
    const [meaning, next, memoizable] = FAILURES[code];
    return [`\`${code}\``, meaning, next, memoizable ? 'yes' : 'no'];
  });
  return `<!-- Written by \`npm run docs\` from src/errors.ts and src/receipt/outcome.ts. Change those. -->

# Errors

Two things can go wrong, and they are told apart everywhere: a **task** can fail, and **Docket** (or how it was called) can.
Both have codes that do not change between versions; match on those, never on message texts.

## When a task fails

How a task ended is data, kept in its signed receipt under \`error\` as \`{code, message, data}\`. Tasks that do not depend on it still run.
The last column says whether \`memo: errors\` may take the failure from an earlier receipt instead of running the task again.

${table(['code', 'meaning', 'what to do', 'memoizable'], failures)}

## When Docket fails

Errors of the program or of its use: bad input, a full disk, a damaged store. A command prints code, message and advice on stderr, with file,
line and column where there are some, and exits with the status in the last column. In a program they are thrown as \`DocketError\`
with \`code\`, \`message\`, \`next\`, \`place\` and \`details\`.

${table(['code', 'meaning', 'what to do', 'exit'], errors)}
`;
}

if (import.meta.main) writeFileSync(join(ROOT, 'docs', 'errors.md'), errorDocs());
