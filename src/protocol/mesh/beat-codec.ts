import { encode } from '../../ipld/dag-cbor.ts';
import { float, type Ipld, type IpldMap, isMap } from '../../ipld/value.ts';
import { type Beat, MESH_VERSION, type MemberView } from './member.ts';
import { amount, count, data, entries, flag, misfit, own, readMessage, type Refused, text, texts } from './message.ts';

/**
 * Beats as they are sent: `{v, view, seq, free, room, waiting, load, isLeaving}`, where `view` is bytes that are a message themselves. They change seldom, so a receiver
 * compares them with those it has from the same member, and looks into them only if they are others: of a thousand members two thousand beats come a second.
 */

/** A member's view, with the bytes it came in. */
export interface KnownView {
  readonly bytes: Uint8Array;
  readonly view: MemberView;
}

/** Bytes of a view. */
const MOST_VIEW = 16_384;
const MOST_OPS = 64;
const MOST_TAGS = 64;
const MOST_HOSTS = 16;
const NAME = 128;
const TAG = 1_024;
const DID = 256;

export function encodeView(view: MemberView): Uint8Array {
  const { did, incarnation, version, host, started, slots, memory, ops, grants, tags, roles, isDraining, door } = view;
  return encode({
    v: MESH_VERSION,
    did,
    incarnation,
    version,
    host,
    started,
    slots,
    memory,
    ops,
    ...(grants === undefined ? {} : { grants }),
    tags,
    roles,
    isDraining,
    door: door === null ? null : { hosts: door.hosts, port: door.port },
  });
}

/** `view`: what `encodeView` gave, which is worth keeping. */
export function encodeBeat({ seq, free, room, waiting, load, isLeaving }: Omit<Beat, 'view'>, view: Uint8Array): Uint8Array {
  return encode({ v: MESH_VERSION, view, seq, free, room, waiting, load: float(load), isLeaving });
}

/** `known`: of the member that sent it, whose view is taken again if it came in the same bytes. */
export function decodeBeat(bytes: Uint8Array, known?: KnownView): { readonly beat: Beat; readonly known: KnownView } | Refused {
  return readMessage(bytes, (map) => {
    const told = data(map, 'view', MOST_VIEW);
    const now = known !== undefined && Buffer.compare(known.bytes, told) === 0 ? known : { bytes: told, view: viewOf(told) };
    const beat = {
      view: now.view,
      seq: count(map, 'seq'),
      free: count(map, 'free'),
      room: count(map, 'room'),
      waiting: count(map, 'waiting'),
      load: amount(map, 'load'),
      isLeaving: flag(map, 'isLeaving'),
    };
    return { beat, known: now };
  });
}

function viewOf(bytes: Uint8Array): MemberView {
  const view = readMessage(bytes, readView);
  return 'refused' in view ? misfit(`view: ${view.problem}`) : view;
}

function readView(map: IpldMap): MemberView {
  return {
    did: text(map, 'did', DID),
    incarnation: text(map, 'incarnation', NAME),
    version: text(map, 'version', NAME),
    host: text(map, 'host', DID),
    started: count(map, 'started'),
    slots: count(map, 'slots'),
    memory: count(map, 'memory'),
    ops: texts(map, 'ops', { most: MOST_OPS, longest: NAME }),
    ...(own(map, 'grants') === undefined ? {} : { grants: texts(map, 'grants', { most: MOST_OPS, longest: NAME }) }),
    tags: entries(map, 'tags', MOST_TAGS, readTag),
    roles: texts(map, 'roles', { most: MOST_OPS, longest: NAME }),
    isDraining: flag(map, 'isDraining'),
    door: readDoor(own(map, 'door')),
  };
}

function readTag(value: Ipld, name: string): string {
  if (name.length > NAME || typeof value !== 'string' || value.length > TAG) misfit('a tag is not a short string');
  return value;
}

function readDoor(door: Ipld | undefined): MemberView['door'] {
  if (door === null) return null;
  if (!isMap(door)) misfit('door is neither a map nor null');
  return { hosts: texts(door, 'hosts', { most: MOST_HOSTS, longest: DID }), port: count(door, 'port', { least: 1, most: 65_535 }) };
}
