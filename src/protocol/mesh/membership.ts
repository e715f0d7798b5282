import { encode } from '../../ipld/dag-cbor.ts';
import { publicKeyOf } from '../../ipld/did-key.ts';
import { type Key, verify } from '../../ipld/identity.ts';
import { SIGNATURE_LENGTH } from '../../ipld/signature.ts';
import { MESH_VERSION } from './member.ts';
import { data, misfit, readMessage, type Refused, text } from './message.ts';

/**
 * That an agent is a member of a mesh, as it leaves it in the mesh's records for good: signed by the agent itself, so that nobody makes a member of somebody who never
 * was one. `docs/formats.md`.
 */

const KIND = 'docket/member';
const DID = 256;
const NAME = 256;

/** DAG-CBOR of `{did, kind, mesh}`. */
function signedOf(did: string, mesh: string): Uint8Array {
  return encode({ kind: KIND, did, mesh });
}

export async function encodeMembership(mesh: string, key: Key): Promise<Uint8Array> {
  return encode({ v: MESH_VERSION, did: key.did, mesh, said: await key.sign(signedOf(key.did, mesh)) });
}

/** The DID of a member of this mesh; its signature was verified. */
export function decodeMembership(bytes: Uint8Array, mesh: string): { readonly did: string } | Refused {
  return readMessage(bytes, (map) => {
    const did = text(map, 'did', DID);
    const said = data(map, 'said', SIGNATURE_LENGTH);
    if (text(map, 'mesh', NAME) !== mesh) misfit('it is of another mesh');
    if (publicKeyOf(did) === undefined) misfit('did is none of an Ed25519 key');
    if (!verify(did, signedOf(did, mesh), said)) misfit('said is no signature of it');
    return { did };
  });
}
