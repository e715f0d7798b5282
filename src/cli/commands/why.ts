import type { Assenting, Because, Dissenting, Explanation, Ungiven } from '../../protocol/explanation.ts';
import type { Command } from '../command.ts';
import { openDesk } from '../open-desk.ts';
import { counted, jsonable, jsonLine, printable } from '../present.ts';
import { differenceLines } from '../difference-lines.ts';

export const command: Command = {
  summary: 'Say why a task of a run was run, or which receipt was used instead.',
  usage: 'RUN TASK',
  words: [2, 2],
  options: {},
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. TASK is a label such as \`top\` or \`count[docs/a.md]\` (\`docket show RUN\` lists them).
A task is run if no earlier result has its key: the hash of module, arguments, inputs, limits and grants. What changed is named field by field;
of a mesh, who did the work, which agents agree and which say that something else came out.`,
  async run(call) {
    await using desk = await openDesk(call, { lookOnly: true, drives: true, ofRuns: true });
    const [runWord, taskWord] = call.words;
    const { runs } = await desk.live();
    const { run } = await runs.find(runWord!);
    const { label, why } = await runs.why(run, taskWord!);
    if (call.flag('json')) call.streams.stdout.write(jsonLine({ run, task: label, ...document(why) }));
    else call.streams.stdout.write(`${sentences(printable(label), why).join('\n')}\n`);
    return 0;
  },
};

function sentences(label: string, why: Explanation): string[] {
  switch (why.kind) {
    case 'found': {
      const how = {
        declared: 'It has the same declared key: the same work on the same pure inputs, all the way up.',
        resolved: 'It has the same resolved key: module, arguments, inputs, limits and grants are all the same.',
      };
      const failed = why.failure === undefined ? [] : [`  It says that the task fails: ${printable(why.failure)}`];
      return [
        `${label} was not run: receipt ${why.receipt}${byText(why.issuer)} was used.`,
        `  ${how[why.by]}`,
        ...failed,
        ...othersLines(why),
      ];
    }
    case 'refused':
      return [
        `${label} was ${why.hasRun ? 'run' : 'not run'}, and has failed: ${printable(why.failure ?? 'its receipt is gone')}`,
        `  Receipt ${why.receipt} says so.`,
      ];
    case 'pending':
      return [
        `${label} has not ended in this run, and the run has not either.`,
        ...(why.member === undefined ? [] : [`  It is at ${printable(why.member)}.`]),
        ...(why.tried === undefined
          ? []
          : [
              `  Its last attempt came to nothing: ${printable(why.tried.failure ?? 'its receipt is gone')}`,
              `  Receipt ${why.tried.receipt} says so.`,
            ]),
        ...(why.held === undefined ? [] : [`  It was run, and its output is being put where it outlives this agent: receipt ${why.held}`]),
        ...(why.lacks === undefined ? [] : [`  It waits for an agent that could run it: ${printable(why.lacks)}`]),
        ...ungivenLines(why.ungiven),
      ];
    case 'unneeded':
      return [
        `${label} was not looked at${why.before === undefined ? '' : ' again'}: everything that wants it (${shortList(why.wantedBy)}) was found by its own key.`,
        ...(why.before === undefined
          ? []
          : [`  It ran earlier in this run, at ${printable(why.before.member ?? 'the agent that drove it then')}.`]),
      ];
    case 'skipped':
      return [`${label} was not run: ${skipReason(why)}`];
    case 'cancelled':
      return [`${label} was cancelled with its run, before it could end.`];
    case 'ran':
      return [...ranSentences(label, why), ...ungivenLines(why.ungiven), ...othersLines(why)];
  }
}

function skipReason({ cause = 'another task', causeState, failure }: Extract<Explanation, { kind: 'skipped' }>): string {
  const name = printable(cause);
  if (causeState === 'ok') return `it waits for a failure of ${name}, which succeeded.`;
  if (causeState === 'failed') return `${name} failed: ${printable(failure ?? 'its receipt is gone')}`;
  return `${name} did not give what it waits for.`;
}

function byText(issuer: string | undefined): string {
  return issuer === undefined ? '' : ` of ${printable(issuer)}`;
}

function ranSentences(label: string, { receipt, issuer, failure, because, nearest }: Extract<Explanation, { kind: 'ran' }>): string[] {
  const lines = [`${label} was run${receipt === null ? '' : `: receipt ${receipt}${byText(issuer)}`}.`];
  if (failure !== undefined) lines.push(`  It failed: ${printable(failure)}`);
  if (because !== undefined) return [...lines, `  ${reasonText(because)}`];
  if (nearest === undefined) return [...lines, '  There is no earlier result of it to compare with.'];
  const { differences, at } = nearest;
  lines.push(
    `  No earlier result has its key. The nearest is ${nearest.receipt} of ${timeText(at)}; ${counted(differences.length, 'field')} differ${differences.length === 1 ? 's' : ''}:`,
  );
  return [...lines, ...differenceLines(differences)];
}

function ungivenLines(found: Ungiven | undefined): string[] {
  if (found === undefined) return [];
  const grants = found.grants.map(printable);
  const others = found.members === 1 ? 'The other agent does' : `The ${found.members} other agents do`;
  return [
    `  ${others} not give ${grants.join(' and ')} to tasks now, and so cannot run it: \`--allow ${grants.join(',')}\` there would change that.`,
  ];
}

function othersLines({ assents, dissents }: Pick<Extract<Explanation, { kind: 'ran' }>, 'assents' | 'dissents'>): string[] {
  return [...assentLines(assents), ...dissentLines(dissents)];
}

/** The first of them, each time. */
function assentLines(assents: readonly Assenting[] = []): string[] {
  if (assents.length === 0) return [];
  const shown = assents.slice(0, MOST_SHOWN).map(({ receipt, issuer }) => `    ${printable(issuer)}, receipt ${receipt}`);
  const more = assents.length > shown.length ? [`    … ${assents.length - shown.length} more`] : [];
  return [`  ${counted(assents.length, 'other agent')} say${assents.length === 1 ? 's' : ''} that the same came out:`, ...shown, ...more];
}

const MOST_SHOWN = 5;

function dissentLines(dissents: readonly Dissenting[] = []): string[] {
  if (dissents.length === 0) return [];
  const shown = dissents.slice(0, MOST_SHOWN).map(({ receipt, issuer, failure }) => {
    const what = failure === undefined ? 'another output' : `that it fails: ${printable(failure)}`;
    return `    ${receipt} by ${printable(issuer)} says ${what}`;
  });
  const more = dissents.length > shown.length ? [`    … ${dissents.length - shown.length} more`] : [];
  return [`  ${counted(dissents.length, 'receipt')} of the same work disagree${dissents.length === 1 ? 's' : ''}:`, ...shown, ...more];
}

function assentDocuments(assents: readonly Assenting[] = []): object[] {
  return assents.map(({ receipt, issuer }) => ({ receipt: receipt.toString(), issuer }));
}

function dissentDocuments(dissents: readonly Dissenting[] = []): object[] {
  return dissents.map(({ receipt, issuer, failure }) => ({ receipt: receipt.toString(), issuer, failure: failure ?? null }));
}

function reasonText(because: Because): string {
  switch (because.kind) {
    case 'forced':
      return 'It was forced: --force or --force-task was given.';
    case 'impure':
      return `${impureText(because)}: an earlier result does not count; \`memo: always\` would change that.`;
    case 'memo: never':
      return 'Its memo policy is "never", so no result of it is kept for others.';
    case 'blobs gone':
      return `Receipt ${because.earlier.receipt} of ${timeText(because.earlier.at)} has this very key, but blobs it names are gone, or it is damaged.`;
    case 'at the same time':
      return `Another run did the same work at the same time: receipt ${because.earlier.receipt}.`;
    case 'checked':
      return `${printable(because.earlier.issuer)} had a result of it, receipt ${because.earlier.receipt}: that was checked by running it here too (\`--spot-check\`, or \`--agree\` of the agent).`;
    case 'not believed':
      return `${printable(because.earlier.issuer)} had a result of it, receipt ${because.earlier.receipt}, and is not believed (\`docket trust ls\`).`;
    case 'failed before':
      return `The same work failed before, and a failure is no result (\`memo: errors\` can make it one): receipt ${because.earlier.receipt} of ${timeText(because.earlier.at)}: ${printable(because.earlier.failure ?? '')}`;
  }
}

function impureText({ grants, isOpen }: Extract<Because, { kind: 'impure' }>): string {
  const granted = grants.length === 0 ? [] : [`it is granted what differs between runs (${grants.map(printable).join(', ')})`];
  const open = isOpen ? ['its module comes from a URL without integrity'] : [];
  const text = [...granted, ...open].join(', and ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}

function shortList(labels: readonly string[]): string {
  return `${labels.slice(0, 5).map(printable).join(', ')}${labels.length > 5 ? `, … ${labels.length - 5} more` : ''}`;
}

function document(why: Explanation): Record<string, unknown> {
  switch (why.kind) {
    case 'found':
      return {
        ...{ kind: why.kind, by: why.by, receipt: why.receipt.toString(), issuer: why.issuer ?? null, failure: why.failure ?? null },
        ...{ assents: assentDocuments(why.assents), dissents: dissentDocuments(why.dissents) },
      };
    case 'refused':
      return { ...why, receipt: why.receipt.toString(), failure: why.failure ?? null };
    case 'skipped':
      return { kind: why.kind, cause: why.cause ?? null, causeState: why.causeState ?? null, failure: why.failure ?? null };
    case 'ran':
      return {
        kind: why.kind,
        receipt: why.receipt?.toString() ?? null,
        issuer: why.issuer ?? null,
        failure: why.failure ?? null,
        because: becauseDocument(why.because),
        ...(why.ungiven === undefined ? {} : { ungiven: why.ungiven }),
        nearest: nearestDocument(why.nearest),
        assents: assentDocuments(why.assents),
        dissents: dissentDocuments(why.dissents),
      };
    case 'pending':
      return {
        ...why,
        ...(why.held === undefined ? {} : { held: why.held.toString() }),
        ...(why.tried === undefined ? {} : { tried: { receipt: why.tried.receipt.toString(), failure: why.tried.failure ?? null } }),
      };
    default:
      return { ...why };
  }
}

function becauseDocument(found: Because | undefined): Record<string, unknown> | null {
  if (found === undefined) return null;
  if (!('earlier' in found)) return { ...found };
  const { receipt, at, failure } = found.earlier;
  const issuer = 'issuer' in found.earlier ? { issuer: found.earlier.issuer } : {};
  return { kind: found.kind, receipt: receipt.toString(), at: timeText(at), failure: failure ?? null, ...issuer };
}

function nearestDocument(found: Extract<Explanation, { kind: 'ran' }>['nearest']): Record<string, unknown> | null {
  if (found === undefined) return null;
  const differences = found.differences.map(({ field, before, after, from }) => ({
    field,
    before: before === undefined ? null : jsonable(before),
    after: after === undefined ? null : jsonable(after),
    from: from ?? null,
  }));
  return { receipt: found.receipt.toString(), at: timeText(found.at), label: found.label, differences };
}
