/**
 * The one registry of error codes. Every failure that is the program's or the user's (not a task's) is a
 * `DocketError` whose code stands here; `docs/errors.md` documents each, and a test holds the two together.
 * How a *task* ended is data in its receipt, see `receipt/outcome.ts`; it never travels as an exception.
 */

/** `summary` says what it means, `next` what a user does about it. `exit` is the CLI's exit status, default 1; `http` that of a reply, default 500. */
interface ErrorEntry {
  readonly summary: string;
  readonly next: string;
  readonly exit?: number;
  readonly http?: number;
}

export const ERROR_CODES = {
  // -- IPLD
  IPLD_INVALID: {
    summary: 'A value is not valid IPLD, DAG-CBOR or DAG-JSON.',
    next: 'Look at the position named in the message; the bytes or the text are malformed.',
    http: 400,
  },
  CID_INVALID: {
    summary: 'A text is not a CID, or a CID of a kind that does not fit here.',
    next: 'Check the CID; `docket show CID` prints the ones Docket knows.',
    http: 400,
  },
  IDENTITY_INVALID: {
    summary: 'The identity file of this home is damaged or readable by others.',
    next: 'Restore it from a backup, or move it away to get a new identity.',
  },
  IDENTITY_TAKEN: {
    summary: 'The home has another identity already, and its receipts are signed with it.',
    next: 'Import the key into a home of its own: --home DIR.',
  },
  KEY_INVALID: {
    summary: 'A file does not hold a key that can be an identity.',
    next: 'Give an Ed25519 private key in PEM (PKCS#8) without a passphrase, as `openssl genpkey -algorithm ed25519` makes it.',
    exit: 2,
  },
  // -- store
  BLOB_MISSING: {
    summary: 'A blob is not in the store.',
    next: 'Put it there with `docket store put`, or run the task that makes it again.',
    http: 404,
  },
  BLOB_UNREACHABLE: {
    summary: 'Nobody who answered has the blob, but not everybody answered.',
    next: 'Ask again when the agents that are named answer; it is not known to be missing.',
    http: 503,
  },
  BLOB_DAMAGED: {
    summary: 'The bytes of a blob do not match its CID.',
    next: 'The damaged file was set aside; run again to make or import it anew.',
    http: 404,
  },
  BLOB_MISMATCH: {
    summary: 'The bytes given do not have the CID they were announced with.',
    next: 'Send the right bytes, or leave the CID out.',
    http: 422,
  },
  STORE_FULL: {
    summary: 'The disk that holds the store is full.',
    next: 'Free some space and run again; finished work is kept.',
    http: 507,
  },
  STORE_UNWRITABLE: {
    summary: 'The store cannot be written.',
    next: 'Check owner and permissions of the home folder, or name another with --home.',
  },
  STORE_UNREADABLE: {
    summary: 'The store cannot be read.',
    next: 'Check owner and permissions of the home folder, and the disk it lies on.',
  },
  BLOB_TOO_LARGE: {
    summary: 'A blob is larger than may be taken into memory here.',
    next: 'Stream it instead: `docket store cat CID`.',
    http: 413,
  },
  RESOURCE_INVALID: {
    summary: 'What a server sent is not the resource that was asked for, or is none that can be used.',
    next: 'Name another gateway with --gateway, or store the file with `docket store put --unixfs`.',
    http: 502,
  },
  RESOURCE_UNREACHABLE: {
    summary: 'A resource of a workflow is not here, and nobody who was asked gave it.',
    next: 'Name a gateway that has it with --gateway, or store the file with `docket store put --unixfs`; docs/resources.md says more.',
    http: 502,
  },
  RESOURCE_REFUSED: {
    summary: 'A resource would have to be fetched from where nothing is fetched.',
    next: 'Name the host, with its port, with --fetch if you trust it; docs/resources.md says what may be fetched.',
    http: 403,
  },
  TREE_INVALID: {
    summary: 'A tree holds a path or an entry that is not allowed.',
    next: 'Paths in a tree are relative, without empty, `.` or `..` parts.',
    http: 422,
  },
  INPUT_CHANGED: { summary: 'An input file changed while it was being read.', next: 'Run again when nothing writes to it.' },
  INPUT_UNREADABLE: { summary: 'An input file or folder is missing or cannot be read.', next: 'Check the path and its permissions.' },
  INPUT_ESCAPES: {
    summary: 'An input lies outside of the folders a workflow may read, or a symlink in an input folder points outside of it.',
    next: 'Remove the link, or name its target as an input of its own.',
    http: 422,
  },
  // -- ledger and home
  HOME_UNUSABLE: { summary: 'The home folder cannot be used.', next: 'Name another with --home or DOCKET_HOME.' },
  HOME_NETWORK: {
    summary: 'The home folder is on a network file system, where the ledger would break.',
    next: 'Name a folder on a local disk with --home or DOCKET_HOME.',
  },
  HOME_NEWER: { summary: 'The home was written by a newer Docket.', next: 'Upgrade Docket, or name another home with --home.' },
  LEDGER_DAMAGED: { summary: 'The ledger is damaged.', next: 'Move the ledger file away; blobs stay, results are computed again.' },
  LEDGER_BUSY: {
    summary: 'Another process keeps the ledger from being written.',
    next: 'Look for a docket that hangs, or another program that has the ledger open; what is finished is kept.',
    http: 503,
  },
  LEDGER_FAILED: {
    summary: 'The ledger could not be read or written.',
    next: 'Free disk space and check permissions of the home folder, then run again.',
  },
  RUN_UNKNOWN: { summary: 'There is no such run.', next: '`docket runs` lists them.', http: 404 },
  RUN_BUSY: { summary: 'Another process drives this run.', next: '`docket watch RUN` follows it, `docket cancel RUN` ends it.', http: 409 },
  RUN_GIVEN_UP: {
    summary: 'Agents were killed again and again while this run alone had tasks with runners, and none of its tasks ended well in between.',
    next: 'Those of its tasks that count as failed were running then; `docket resume RUN` tries it once more.',
    http: 409,
  },
  RUN_TAKEN: {
    summary: 'Another member of the mesh drives this run, or is to.',
    next: '`docket watch RUN` follows it from any member, `docket cancel RUN` ends it.',
    http: 409,
  },
  RUN_UNREACHABLE: {
    summary: 'Only the member of the mesh that drives this run, or did last, can tell that, and it cannot be reached.',
    next: 'Ask again when it is back (`docket agents` lists who is there); `docket show RUN` tells what the mesh itself knows.',
    http: 503,
  },
  TASK_UNKNOWN: { summary: 'The run has no such task.', next: '`docket show RUN` lists its tasks.', http: 404 },
  RECEIPT_UNKNOWN: { summary: 'There is no such receipt.', next: '`docket show RUN` lists the receipts of a run.', http: 404 },
  // -- workflow
  WORKFLOW_SYNTAX: {
    summary: 'The workflow file is not well-formed YAML, JSON or DAG-CBOR.',
    next: 'Mend the file at the line and column named.',
    exit: 2,
    http: 422,
  },
  WORKFLOW_INVALID: {
    summary: 'The workflow file breaks a rule of the format.',
    next: 'Mend the file at the line and column named; docs/workflow.md describes the format.',
    exit: 2,
    http: 422,
  },
  WORKFLOW_CYCLE: {
    summary: 'Tasks wait for each other in a circle.',
    next: 'Break the circle the message spells out.',
    exit: 2,
    http: 422,
  },
  WORKFLOW_DUPLICATE: {
    summary: 'Two tasks are the same instruction.',
    next: 'Use a nonce (nnc field) to make them differ.',
    exit: 2,
    http: 422,
  },
  WORKFLOW_INPUT: {
    summary: 'An --input is unknown, missing or of the wrong kind.',
    next: 'The message lists the inputs of the workflow.',
    exit: 2,
    http: 422,
  },
  WORKFLOW_TOO_LARGE: {
    summary: 'The workflow has more tasks than this way of giving it can hold.',
    next: 'Use `each`, or the API.',
    exit: 2,
    http: 413,
  },
  // -- named modules
  MANIFEST_INVALID: {
    summary: 'A manifest is not well-formed TOML, or breaks a rule of the format.',
    next: 'Mend the manifest; docs/manifest.md describes the format.',
    exit: 2,
    http: 400,
  },
  MANIFEST_EXISTS: {
    summary: 'A version of a named module is there already, with other content.',
    next: 'A version stays as it is once it has its module: give this one a new version.',
    http: 409,
  },
  MANIFEST_UNKNOWN: { summary: 'There is no module of this name and version.', next: '`docket manifest ls` lists them.', http: 404 },
  PERMISSION_DENIED: {
    summary: 'A module asks for a permission that it was not given.',
    next: 'Give it with --grant if you trust the module.',
    http: 403,
  },
  EXTENSION_INVALID: {
    summary: 'A named module cannot be the extension of the one that imports from it.',
    next: 'Name a version that exports what is imported; docs/manifest.md says what an extension may be.',
    http: 422,
  },
  // -- tasks refused before they run
  OP_UNKNOWN: { summary: 'The op of a task is not known here.', next: 'Known ops: wasi/run, wasm/run.', exit: 2, http: 422 },
  LIMIT_REFUSED: {
    summary: 'A limit cannot be enforced, so it is not accepted.',
    next: 'Leave the limit out, or give a value in the range named.',
    exit: 2,
    http: 422,
  },
  MODULE_INVALID: {
    summary: 'The module is not valid WebAssembly or uses a feature that is refused.',
    next: '`docket inspect` says what a module is and wants; docs/sandbox.md what is let in.',
    exit: 2,
    http: 422,
  },
  ARGUMENT_INVALID: {
    summary: 'A task calls a function of a component that it does not have, or with arguments that do not fit its WIT types.',
    next: 'Mend the task; `docket inspect MODULE` prints the functions with their types.',
    exit: 2,
    http: 422,
  },
  // -- agent
  AGENT_BUSY: { summary: 'The home has an agent already.', next: 'Use that one, or stop it, or name another home with --home.' },
  LISTEN_FAILED: { summary: 'The agent cannot listen where it was told to.', next: 'Name another address with --listen.' },
  CONFIG_INVALID: {
    summary: 'The config file of the agent, or an environment variable for it, is wrong.',
    next: 'Mend what the message names; `docket agent --print-config` shows what holds, and docs/agent.md describes it.',
    exit: 2,
  },
  TLS_INVALID: {
    summary: 'A certificate or its key cannot be used.',
    next: 'Name both in PEM with --tls-cert and --tls-key; docs/agent.md says how to make them.',
  },
  AGENT_FULL: {
    summary: 'The agent has as many runs or jobs under way, or holds as much of what it is sent, as it takes at a time.',
    next: 'Ask again later; the reply says when under `retry-after`. The agent takes more with --max-runs or --max-jobs.',
    http: 503,
  },
  OP_REFUSED: {
    summary: 'This agent does not run tasks of this op.',
    next: 'Ask an agent that does: /v1/agents names the ops of each.',
    http: 403,
  },
  ROLE_UNFILLED: {
    summary: 'This agent does not do what was asked, and none of its peers that does can be reached.',
    next: 'Look at /v1/agents who is there, or start the agent without --no-run and --no-store, or with another --peer.',
    http: 503,
  },
  MANIFEST_UNREACHABLE: {
    summary: 'No peer who answered knows the module, but not every peer answered.',
    next: 'Ask again when the peers that are named answer; the module is not known to be missing.',
    http: 503,
  },
  AGENT_TIMEOUT: {
    summary: 'An agent did not answer, or stood still in the middle, for longer than is waited.',
    next: 'Look whether it lives and is not overloaded, then ask again. Whether it has what was asked for is not known.',
    http: 504,
  },
  AGENT_UNREACHABLE: {
    summary: 'An agent cannot be reached, or the connection to it was cut.',
    next: 'Look whether it runs and whether its address is right, then ask again.',
    http: 502,
  },
  AGENT_INVALID: {
    summary: 'What answered does not answer as an agent does.',
    next: 'Check the address: it names something else, or an agent of another version.',
    http: 502,
  },
  AGREE_ALONE: {
    summary: 'Different agents are to agree on what a task gives, and this home is in no mesh where others could be asked.',
    next: 'Run it at an agent of a mesh, with --agent URL, or take `agree` out.',
    exit: 2,
    http: 409,
  },
  DID_INVALID: {
    summary: 'What names an agent is no `did:key` of an Ed25519 key, or that of the agent itself.',
    next: '`docket identity` prints the DID of an agent at its home, `docket agents --json` those of a mesh.',
    exit: 2,
    http: 400,
  },
  TOKEN_UNKNOWN: { summary: 'There is no such token.', next: '`docket token ls` lists them.', http: 404 },
  NOT_READY: {
    summary: 'The agent can take no work at the moment.',
    next: 'Ask another agent, or this one later; the message says what has to change.',
    http: 503,
  },
  ACTION_UNKNOWN: {
    summary: 'There is no result of this action of Bazel’s, or not all of its outputs are here.',
    next: 'Nothing is wrong: Bazel runs the action and files its result.',
    http: 404,
  },
  // -- HTTP
  KEY_REUSED: {
    summary: 'An idempotency key was used before, for something else.',
    next: 'Use a new key for each workflow that is submitted.',
    http: 422,
  },
  REQUEST_INVALID: {
    summary: 'A request breaks a rule of the API.',
    next: 'The description of the API at /openapi.json says what it takes.',
    http: 400,
  },
  UNAUTHORIZED: {
    summary: 'A request brought no token, or one that is not known.',
    next: 'Send `Authorization: Bearer TOKEN`; the token is in the file `token` of the home of the agent.',
    http: 401,
  },
  FORBIDDEN: {
    summary: 'A token does not give this right, or the request came by a way that is refused.',
    next: 'Use a token with the scope named.',
    http: 403,
  },
  ROUTE_UNKNOWN: { summary: 'There is nothing at this path.', next: 'See the description of the API at /openapi.json.', http: 404 },
  METHOD_UNKNOWN: {
    summary: 'What is at this path does not know the method.',
    next: 'The reply names those it knows under `allow`.',
    http: 405,
  },
  BODY_TOO_LARGE: {
    summary: 'The body of a request is larger than this agent takes.',
    next: 'Send less, or start the agent with a larger limit.',
    http: 413,
  },
  HEADERS_TOO_LARGE: {
    summary: 'The headers of a request are larger than an agent takes.',
    next: 'Send fewer or shorter ones.',
    http: 431,
  },
  REQUEST_TIMEOUT: { summary: 'The headers of a request did not come in time.', next: 'Send them at once.', http: 408 },
  RATE_LIMITED: {
    summary: 'A client sent more requests than the agent takes of one.',
    next: 'Wait as long as the reply says under `retry-after`.',
    http: 429,
  },
  PATCH_INVALID: {
    summary: 'A patch is malformed, or not for the blob it was sent to.',
    next: 'Make it with `bsdiff OLD NEW PATCH` from the very bytes that are stored, or send the new bytes themselves.',
    http: 422,
  },
  JOB_FAILED: {
    summary: 'A job ended without an exit status: it trapped, or broke a limit.',
    next: 'Its receipt says more: `docket receipt show CID`.',
    http: 400,
  },
  RANGE_INVALID: { summary: 'A range of bytes lies outside of the blob.', next: 'Ask for less: the reply names the size.', http: 416 },
  // -- mesh
  MESH_UNREACHABLE: {
    summary: 'The engine of the mesh does not answer.',
    next: 'Check that nats-server runs at the address given with --mesh and is reached from here. What was to be written may have been, or not.',
    http: 503,
  },
  MESH_FULL: {
    summary: 'A limit of the mesh is used up: a stream, a bucket or the disk of the engine is full.',
    next: 'Raise the limit that the message names, or delete what is not needed any more; then try again.',
    http: 507,
  },
  MESH_REFUSED: {
    summary: 'The engine of the mesh denies this agent what it asked for.',
    next: 'Give the agent credentials with the rights that docs/mesh-nats.md lists.',
    http: 502,
  },
  MESH_DENIED: {
    summary: 'The engine of the mesh does not take the credentials of this agent.',
    next: 'Check --creds, --nkey or --mesh-login, and whether they have expired. A running agent reads the file again at every attempt.',
    http: 502,
  },
  MESH_NO_JETSTREAM: {
    summary: 'The engine of the mesh keeps nothing: JetStream is off, or not yet ready.',
    next: 'Start nats-server with `--jetstream`, and allow it for the account; docs/mesh-nats.md has a configuration to copy.',
    http: 503,
  },
  MESH_STREAM_UNFIT: {
    summary: 'The engine of the mesh has a stream of that name, but with settings that do not fit.',
    next: 'Give the mesh another name with --mesh-name, or delete that stream if nobody needs it.',
    http: 502,
  },
  MESH_FAILED: {
    summary: 'The engine of the mesh failed at something.',
    next: 'Look into the log of nats-server; the message says what it answered.',
    http: 502,
  },
  MESH_NO_ANSWER: {
    summary: 'Another member of the mesh did not answer in time, or is not there.',
    next: 'Look whether it is there with `docket agents`, and ask again.',
    http: 504,
  },
  MESH_IDENTITY_TAKEN: {
    summary: 'Another agent with the same identity was in the mesh before.',
    next: 'A home was copied, key and all: stop one of the two, remove the file `identity.json` of its home, and start it again.',
    http: 503,
  },
  NATS_SERVER_MISSING: {
    summary: 'nats-server is not installed, which a mesh needs.',
    next: 'Debian, Ubuntu: apt-get install nats-server. macOS: brew install nats-server. Elsewhere put the program from its releases on the PATH.',
  },
  DEV_FAILED: {
    summary: 'A part of the mesh on trial did not start, or all of it has ended.',
    next: 'The lines before say why.',
  },
  MEMBER_UNKNOWN: {
    summary: 'There is no such agent in the mesh.',
    next: '`docket agents` lists them.',
    http: 404,
  },
  MESH_MESSAGE_TOO_LARGE: {
    summary: 'A message is larger than the engine of the mesh takes.',
    next: 'Send it as a blob, or raise `max_payload` of nats-server.',
    http: 413,
  },
  MESH_NAME_INVALID: {
    summary: 'A name in the mesh is malformed.',
    next: 'Names are words of letters, digits, `-`, `_` and `:`, joined by dots, and keys of results 32 bytes.',
    http: 400,
  },
  // -- command line
  USAGE: { summary: 'The command line is wrong.', next: 'See `docket help`.', exit: 2, http: 400 },
  OUTPUT_UNWRITABLE: {
    summary: 'An output cannot be written where it was asked for.',
    next: 'Check --out: the folder must be writable and the names must not clash.',
  },
  CANCELLED: { summary: 'The run was cancelled.', next: '`docket resume RUN` goes on where it stopped.', exit: 130, http: 409 },
  INTERNAL: { summary: 'Docket broke one of its own rules.', next: 'Please report it with the message and the stack.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Where in a text a problem stands; line and column count from 1. Of Homestar's format a JSON pointer too, or, of what is no text, alone. */
export interface Place {
  readonly file?: string;
  readonly pointer?: string;
  readonly line?: number;
  readonly column?: number;
}

interface ErrorOptions {
  readonly cause?: unknown;
  readonly place?: Place;
  /** What to do about this very case; replaces the registry's general advice. */
  readonly next?: string;
  /** Machine-readable facts: expected and found values, names. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export class DocketError extends Error {
  readonly code: ErrorCode;
  readonly place: Place | undefined;
  readonly next: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DocketError';
    this.code = code;
    this.place = options.place;
    this.next = options.next ?? ERROR_CODES[code].next;
    this.details = options.details ?? {};
  }

  /** Status of a reply that tells it. */
  get http(): number {
    const entry: ErrorEntry = ERROR_CODES[this.code];
    return entry.http ?? 500;
  }

  /** Exit status a command ends with. */
  get exit(): number {
    const entry: ErrorEntry = ERROR_CODES[this.code];
    return entry.exit ?? 1;
  }
}

/** Whether `error` is a `DocketError`, optionally of one code. Works across copies of this module. */
export function isDocketError(error: unknown, code?: ErrorCode): error is DocketError {
  if (!(error instanceof Error) || error.name !== 'DocketError') return false;
  return code === undefined || (error as DocketError).code === code;
}

/** The `code` of a Node system error (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}
