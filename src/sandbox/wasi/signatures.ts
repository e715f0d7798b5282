import type { FunctionType, ModuleImport } from '../module/model.ts';

/** The name preview 1 functions are imported from. Its draft, `wasi_unstable`, has other layouts and is not offered. */
export const PREVIEW1 = 'wasi_snapshot_preview1';

/** Parameters: `i` is i32, `l` is i64. All but `proc_exit` return one i32. */
const PARAMS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    args_get: 'ii',
    args_sizes_get: 'ii',
    environ_get: 'ii',
    environ_sizes_get: 'ii',
    clock_res_get: 'ii',
    clock_time_get: 'ili',
    fd_advise: 'illi',
    fd_allocate: 'ill',
    fd_close: 'i',
    fd_datasync: 'i',
    fd_fdstat_get: 'ii',
    fd_fdstat_set_flags: 'ii',
    fd_fdstat_set_rights: 'ill',
    fd_filestat_get: 'ii',
    fd_filestat_set_size: 'il',
    fd_filestat_set_times: 'illi',
    fd_pread: 'iiili',
    fd_prestat_dir_name: 'iii',
    fd_prestat_get: 'ii',
    fd_pwrite: 'iiili',
    fd_read: 'iiii',
    fd_readdir: 'iiili',
    fd_renumber: 'ii',
    fd_seek: 'ilii',
    fd_sync: 'i',
    fd_tell: 'ii',
    fd_write: 'iiii',
    path_create_directory: 'iii',
    path_filestat_get: 'iiiii',
    path_filestat_set_times: 'iiiilli',
    path_link: 'iiiiiii',
    path_open: 'iiiiillii',
    path_readlink: 'iiiiii',
    path_remove_directory: 'iii',
    path_rename: 'iiiiii',
    path_symlink: 'iiiii',
    path_unlink_file: 'iii',
    poll_oneoff: 'iiii',
    proc_exit: 'i',
    proc_raise: 'i',
    random_get: 'ii',
    sched_yield: '',
    sock_accept: 'iii',
    sock_recv: 'iiiiii',
    sock_send: 'iiiii',
    sock_shutdown: 'ii',
  }),
);

/** All there are. */
export function preview1Names(): string[] {
  return [...PARAMS.keys()];
}

/**
 * What is wrong with the preview 1 imports of a module, one text each. The JavaScript interface links a function to any type and
 * hands it whatever the guest passes (a float as an address, a bigint as a count), so a module is not run before this is empty.
 */
export function importProblems(imports: readonly ModuleImport[]): string[] {
  return imports.flatMap((each) => {
    if (each.module !== PREVIEW1 || each.kind !== 'function') return [];
    const found = describe(each.type);
    const wanted = signatureOf(each.name);
    if (found === wanted) return [];
    return wanted === undefined ? [`${each.name} is no function of preview 1`] : [`${each.name} is imported as ${found}, it is ${wanted}`];
  });
}

function signatureOf(name: string): string | undefined {
  const letters = PARAMS.get(name);
  if (letters === undefined) return undefined;
  const params = Array.from(letters, (letter) => (letter === 'l' ? ('i64' as const) : ('i32' as const)));
  return describe({ params, results: name === 'proc_exit' ? [] : ['i32'] });
}

function describe({ params, results }: FunctionType): string {
  return `(${params.join(', ')}) -> (${results.join(', ')})`;
}
