import { DocketError, isDocketError } from '../../../errors.ts';
import type { CID } from '../../../ipld/cid.ts';
import type { Change } from '../../../ledger/change.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import { encodeRunRecord, type Holder, keyOfRun, type RunRecord } from '../../../protocol/mesh/run-record.ts';
import { isVouched } from '../../../protocol/mesh/voucher.ts';
import type { Engine } from '../../engine.ts';
import { isForeign, withForeign } from '../../foreign.ts';
import { readPlan } from '../../read-plan.ts';
import { shelfOf } from '../../resources/shelf.ts';
import { withTries } from '../../tries.ts';
import { endRun } from './end-run.ts';
import { beginPart, type Before } from './journal-reader.ts';
import { keepPart } from './keep-part.ts';
import { limited } from './pause.ts';
import { forceOf, inlineOrLink, optionsOf } from './said.ts';
import { bringInputs, type Vault } from './vault.ts';

/**
 * Taking a run over, in steps each of which can be the last.
 *
 * Invariants
 * T1. The record comes first: nothing is fetched or driven for a run that is another's.
 * T2. Who took a run and cannot go on with it lets it go, so that others try; after so many who could not, it has failed by the name of what kept the last one.
 *     Trouble of the engine of the mesh is nobody's inability and no death, however long it lasts: it has an end, and the run is to be there then.
 *     Nor is it, when a run was lost before it was secured, that its inputs are where it was driven: then it waits for that member, and whoever takes it when that is
 *     there again may be unable.
 * T3. What stands in the record is the word of whoever wrote it: the plan is checked as any that is sent, unless it is this home's own, or an agent that is believed
 *     vouches for it. A row that is made for another says so (`foreign.ts`).
 */

export interface TakeTerms {
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly self: Holder;
  readonly vault: Vault;
  /** Whether the agent with this DID is believed. */
  readonly believes: (did: string) => boolean;
  readonly onRefused: (problem: string) => void;
  readonly signal: AbortSignal;
}

/** A record that names this member now. */
export interface TakenRun {
  readonly record: RunRecord;
  readonly revision: number;
  /** Number of the last event in its journal. */
  readonly after: number;
  /** As of `Before`. */
  readonly epochs: readonly number[];
  readonly isTrusted: boolean;
  /** As `Taken.kept`. */
  readonly kept: readonly CID[];
}

/**
 * Coordinators that are lost one after the other with nothing finished in between, after which a run is given up. It is taken over within seconds, so a few machines that
 * fail for reasons of their own can be among them before it got on at all.
 */
const MOST_DEATHS = 5;
/** Members that may be unable to go on with it, one after the other. */
const MOST_TRIES = 8;
/** How long the journal may take to say how far it is, in ms. */
const PATIENCE = 10_000;

/** Trouble that every member has with everything as long as it lasts. */
const OF_THE_ENGINE = ['MESH_UNREACHABLE', 'MESH_NO_ANSWER', 'MESH_NO_JETSTREAM', 'MESH_FULL', 'MESH_FAILED'] as const;

/** Why a run is taken. `died`: whoever drove it is gone; `overdue`: who alone may have what it needs did not come back. */
export type Why = 'died' | 'released' | 'overdue' | 'asked';

/** A record that names this member from now on. */
export interface TakenRecord {
  readonly record: RunRecord;
  readonly revision: number;
  readonly why: Why;
}

/** Compares and sets the record. Undefined if another was quicker, or the run has ended by this. Throws `MESH_…`. */
export async function takeRecord(
  { engine, mesh, self, signal }: TakeTerms,
  { record, revision }: { readonly record: RunRecord; readonly revision: number },
  why: Why,
): Promise<TakenRecord | undefined> {
  // Who is to say so lives: it could not tell that it let go of the run.
  const hasDied = why === 'died' && !isSame(record.coordinator, self);
  const deaths = hasDied ? record.deaths + 1 : why === 'asked' ? 0 : record.deaths;
  if (deaths >= MOST_DEATHS) {
    const failure = { code: 'RUN_GIVEN_UP', message: givenUpBecause(record.run, deaths) };
    await endRun({ mesh, record: { ...record, deaths }, revision, signal }, { state: 'failed', finished: engine.clock.now(), failure });
    return undefined;
  }
  const tries = why === 'asked' ? 0 : record.tries;
  const taken: RunRecord = {
    ...record,
    state: 'running',
    coordinator: self,
    epoch: undefined,
    awaits: record.isSecured || why === 'overdue' ? undefined : (record.awaits ?? record.coordinator?.did),
    deaths,
    tries,
    finished: null,
    failure: null,
  };
  const now = await mesh.records.put(keyOfRun(record.run), encodeRunRecord(taken), revision);
  return now === undefined ? undefined : { record: taken, revision: now, why };
}

export function isSame(a: Holder | null, b: Holder | null): boolean {
  return a?.did === b?.did && a?.incarnation === b?.incarnation;
}

function givenUpBecause(run: string, deaths: number): string {
  return `${deaths} coordinators were lost while they drove run ${run}, and none of its tasks ended well in between`;
}

/** Everything that driving it takes, for a record that names this member: events are numbered on, plan and inputs are here or kept, and a row. Throws what kept it from that. */
export async function prepare(terms: TakeTerms, taken: TakenRecord): Promise<TakenRun> {
  const { engine, vault } = terms;
  const { record, revision } = taken;
  const { run, plan: cid, isSecured } = record;
  const { after, epochs } = await lastTold(terms, run, revision);
  const row = engine.ledger.run(run);
  const isTrusted = (row?.plan?.equals(cid) === true && !isForeign(row)) || isVouchedFor(terms, record);
  const bring = (blob: CID): Promise<void> => vault.bring(blob, terms.signal);
  await bring(cid);
  const plan = await readPlan(engine, cid, { isTrusted });
  const kept = await bringInputs(vault, shelfOf(engine), { plan, isSecured }, terms.signal);
  if (row === undefined) {
    const force = await forceOf(record.asked, engine.store, bring);
    const options = withForeign(optionsOf(record.asked, force), !isTrusted);
    const { name, workflow, created } = record;
    await engine.ledger.commit([{ kind: 'run', run, name, workflow, plan: cid, options, tasks: plan.tasks.length, created }]);
  } else if (row.state !== 'completed') {
    const back: Change = {
      kind: 'run-update',
      run,
      state: 'interrupted',
      options: withForeign({ ...withTries(row, undefined), agent: true }, !isTrusted),
      plan: cid,
    };
    await engine.ledger.commit([back]);
  }
  return { record, revision, after, epochs, isTrusted, kept };
}

/** Whether an agent that is believed took it, with this plan, from somebody who may give its tasks all they ask for. */
function isVouchedFor({ believes }: Pick<TakeTerms, 'believes'>, { voucher, ...record }: RunRecord): boolean {
  return voucher !== undefined && isVouched(voucher, record) && believes(voucher.by);
}

/** What earlier drives told; nothing that they write from now on counts. Throws `MESH_…`. */
export async function lastTold({ engine, mesh, onRefused, signal }: TakeTerms, run: string, epoch: number): Promise<Before> {
  using limit = limited(engine.clock, PATIENCE, signal);
  return await beginPart(mesh.journals, { run, onRefused, signal: limit.signal }, epoch);
}

/** This member cannot go on with it; may not any more (`CANCELLED`), or not now, for the engine is in trouble: these say nothing of the run. Throws `MESH_…`. */
export async function letGo(
  { engine, mesh, self, signal }: TakeTerms,
  { record, revision, why }: TakenRecord,
  because: unknown,
): Promise<void> {
  const isAwaiting = isAwaitingIn(self, record, because);
  const isOfIt = !isDocketError(because, 'CANCELLED') && !OF_THE_ENGINE.some((code) => isDocketError(because, code));
  const isUnable = isOfIt && !(isAwaiting && (why === 'died' || why === 'asked'));
  const tries = isUnable ? record.tries + 1 : record.tries;
  const { code, message } = toldError(becauseOf(self, record, because));
  const failure = { code, message };
  if (tries >= MOST_TRIES) {
    await endRun({ mesh, record: { ...record, tries }, revision, signal }, { state: 'failed', finished: engine.clock.now(), failure });
    return;
  }
  const free: RunRecord = {
    ...record,
    coordinator: null,
    epoch: undefined,
    awaits: isAwaiting || !isOfIt ? record.awaits : undefined,
    tries,
    failure,
  };
  await mesh.records.put(keyOfRun(record.run), encodeRunRecord(free), revision);
}

function isAwaitingIn(self: Holder, { awaits }: Pick<RunRecord, 'awaits'>, because: unknown): boolean {
  const isMissing = isDocketError(because, 'BLOB_MISSING') || isDocketError(because, 'BLOB_UNREACHABLE');
  return isMissing && awaits !== undefined && awaits !== self.did;
}

/** What kept this member from going on with it: of a run that was lost before it was secured, who has what is missing. */
export function becauseOf(self: Holder, record: RunRecord, because: unknown): unknown {
  if (!isAwaitingIn(self, record, because)) return because;
  const message = `run ${record.run} was not secured yet when ${record.awaits} was lost, which alone has all that it needs`;
  return new DocketError('BLOB_MISSING', message, {
    next: 'It goes on when that agent is there again. Start it, or cancel the run and submit it elsewhere.',
    cause: because,
  });
}

function toldError(error: unknown): Pick<DocketError, 'code' | 'message'> {
  return isDocketError(error) ? error : new DocketError('INTERNAL', String(error));
}

/** It was driven to its end here while it was another's: the record says so now. */
export async function endAsHere(terms: TakeTerms, { record, revision }: Pick<TakenRun, 'record' | 'revision'>): Promise<void> {
  const { engine, mesh, signal } = terms;
  const row = engine.ledger.run(record.run)!;
  const { value: outputs, blob } = inlineOrLink(row.outputs ?? {});
  if (blob !== undefined) await keepPart(terms, { run: record.run, cid: outputs as CID, blob }, signal);
  const finished = row.finished ?? engine.clock.now();
  await endRun({ mesh, record, revision, signal }, { state: 'completed', finished, counts: row.counts ?? record.counts, outputs });
}
