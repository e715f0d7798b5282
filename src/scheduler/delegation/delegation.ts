import type { Clock } from '../../base/clock.ts';
import type { DriveName, Ends, States } from '../../protocol/mesh/work.ts';
import type { Crew, CrewParts } from '../crew.ts';
import { Holders } from './holders.ts';
import { MemberTable } from './member-table.ts';
import type { MembersView } from './members-view.ts';
import { MeshCrew, type Shop } from './mesh-crew.ts';
import { type Mail, Outgoing } from './outgoing.ts';
import type { Seat } from './seat.ts';
import { Shares } from './shares.ts';
import { TreeInputs } from './tree-inputs.ts';

interface DelegationOptions {
  readonly members: MembersView;
  readonly mail: Mail;
  readonly clock: Clock;
}

/** A run that is driven here. */
export interface DelegatedDrive extends DriveName {
  /** Its share of slots beside other runs; 1 if nothing else was asked for. */
  readonly weight: number;
}

/**
 * An agent's part as a coordinator: what it knows of members and has placed there, for all runs it drives.
 *
 * Invariants
 * D1. One table for all runs, so that they see what the others have placed.
 * D2. Who says that it holds something of a run that is not driven here is told that it is not wanted; an end of such a run is acknowledged. So a member that heard nothing of
 *     the end of a run does not hold its tasks for ever.
 */
export class Delegation implements Disposable {
  readonly holders = new Holders();
  readonly #options: DelegationOptions;
  readonly #shop: Shop;
  readonly #crews = new Map<string, MeshCrew>();
  readonly #ear: Disposable;

  constructor(options: DelegationOptions) {
    const { members, clock } = options;
    const table = new MemberTable();
    const shares = new Shares();
    this.#options = options;
    this.#shop = { table, holders: this.holders, trees: new TreeInputs(), shares, members, clock };
    for (const { beat } of members.others()) table.hear(beat);
    this.#ear = members.onChange((change) => {
      if (change.kind === 'gone') {
        table.gone(change.did);
        for (const crew of this.#crews.values()) crew.memberGone(change.did);
      } else {
        if (table.hear(change.member.beat)) for (const crew of this.#crews.values()) crew.memberChanged();
      }
      shares.wakeNext(table.version, clock.monotonic());
    });
  }

  /** For `CoordinatorOptions.crew`. */
  crewOf(drive: DelegatedDrive): (parts: CrewParts) => Crew {
    return (parts) => {
      const name = nameOf(drive);
      const outgoing = new Outgoing(drive, this.#options.mail, ({ task, attempt }, cause) => crew.unsendable(task, attempt, cause));
      const crew: MeshCrew = new MeshCrew({
        shop: this.#shop,
        parts,
        weight: drive.weight,
        outgoing,
        onDisposed: () => void this.#crews.delete(name),
      });
      this.#crews.set(name, crew);
      return crew;
    };
  }

  /** What a member says of what it was offered. */
  receive(from: string, message: States | Ends): void {
    const crew = this.#crews.get(nameOf(message));
    if (crew !== undefined) return crew.receive(from, message);
    const { run, epoch, tasks } = message;
    if (tasks.length === 0) return;
    const kind = message.kind === 'states' ? 'withdraw' : 'received';
    this.#options.mail.send(from, { kind, run, epoch, tasks: tasks.map(({ task, attempt }) => ({ task, attempt })) });
  }

  /** What is known of members and placed there, as it is now. */
  seats(): Iterable<Readonly<Seat>> {
    return this.#shop.table.seats();
  }

  [Symbol.dispose](): void {
    this.#ear[Symbol.dispose]();
  }
}

function nameOf({ run, epoch }: DriveName): string {
  return `${run} ${epoch}`;
}
