import { isDocketError } from '../../errors.ts';
import { decode, encode } from '../../ipld/dag-cbor.ts';
import { type Ipld, type IpldList, isList, isMap } from '../../ipld/value.ts';
import { firstOf, INVALID_PARAMS, RpcError } from './json-rpc.ts';
import { randomName } from './names.ts';

/** What a client asks to have run. */
export interface RunRequest {
  readonly name: string;
  readonly workflow: Ipld;
  /** Both, as DAG-CBOR. */
  readonly source: Uint8Array;
}

/**
 * Reads `[{name?, workflow}]`, or `[[byte, …]]` with the bytes of `{name, workflow}` in DAG-CBOR. Throws `RpcError`. What the workflow holds is not looked at.
 */
export function runRequest(params: Ipld | undefined): RunRequest {
  const first = firstOf(params);
  const isBytes = isList(first);
  const request = isBytes ? decoded(first) : first;
  if (!isMap(request)) throw wrong('it takes {"name": TEXT, "workflow": {…}}, or the bytes of that in DAG-CBOR as a list of numbers');
  const { name = isBytes ? null : randomName(), workflow } = request;
  if (typeof name !== 'string' || name === '') throw wrong(isBytes ? '"name" is missing or no text' : '"name" is no text, or empty');
  if (workflow === undefined) throw wrong('"workflow" is missing');
  return { name, workflow, source: encode({ name, workflow }) };
}

function decoded(list: IpldList): Ipld {
  const bytes = new Uint8Array(list.length);
  for (const [i, byte] of list.entries()) {
    if (typeof byte !== 'number' || !Number.isInteger(byte) || byte < 0 || byte > 255) throw wrong(`item ${i} of the list is no byte`);
    bytes[i] = byte;
  }
  try {
    return decode(bytes);
  } catch (error) {
    if (isDocketError(error, 'IPLD_INVALID')) throw wrong(error.message);
    throw error;
  }
}

function wrong(reason: string): RpcError {
  return new RpcError(INVALID_PARAMS, 'Invalid params', { reason });
}
