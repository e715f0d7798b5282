import * as Cid from '../ipld/cid.ts';
import type { Ipld, IpldMap } from '../ipld/value.ts';
import type { Limits } from '../workflow/limits.ts';
import { toMeta } from '../workflow/limits.ts';
import type { Plan } from '../workflow/model.ts';
import { build } from '../workflow/plan.ts';

/** One module as one task. */
export interface Execution {
  /** For people: the file of the module, or its name and version. */
  readonly name: string;
  readonly module: Cid.CID;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Ipld | undefined;
  /** Trees by guest path; `.` is the root. */
  readonly files: Readonly<Record<string, Cid.CID>>;
  /** Whether what is left in the file system is kept. */
  readonly keepFiles: boolean;
  /** Modules whose functions it imports, by the name it imports them from. */
  readonly extensions: Readonly<Record<string, Cid.CID>>;
  readonly grants: readonly string[];
  readonly limits: Partial<Limits>;
}

/** Everything in the file system, dot files too. */
const ALL_FILES = ['**', '**/.*', '**/.*/**'];

/** The plan of an `exec`: one task, named for its module. Throws `LIMIT_REFUSED`. */
export function execPlan(execution: Execution): Plan {
  const { name, module, args, env, stdin, files, keepFiles, extensions, grants, limits } = execution;
  const input: IpldMap = {
    ...(args.length === 0 ? {} : { args: [...args] }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(stdin === undefined ? {} : { stdin }),
    ...(Object.keys(files).length === 0 ? {} : { files }),
    ...(keepFiles ? { outputs: ALL_FILES } : {}),
    ...(Object.keys(extensions).length === 0 ? {} : { extensions }),
    ...(grants.length === 0 ? {} : { grant: [...new Set(grants)].toSorted() }),
  };
  const run = { rsc: `ipfs://${module}`, op: 'wasi/run', input, nnc: '' };
  const task = { run, cause: null, meta: toMeta(limits), prf: [] };
  return build([{ task, module, label: 'exec', group: 'exec' }], { name });
}
