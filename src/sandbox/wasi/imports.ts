import {
  fdAdvise,
  fdAllocate,
  fdClose,
  fdDatasync,
  fdFdstatGet,
  fdFdstatSetFlags,
  fdFdstatSetRights,
  fdFilestatGet,
  fdFilestatSetSize,
  fdFilestatSetTimes,
  fdPrestatDirName,
  fdPrestatGet,
  fdRenumber,
  fdSync,
} from './descriptor-calls.ts';
import type { Host } from './host.ts';
import { fdPread, fdPwrite, fdRead, fdSeek, fdTell, fdWrite } from './io-calls.ts';
import {
  pathCreateDirectory,
  pathFilestatGet,
  pathFilestatSetTimes,
  pathLink,
  pathReadlink,
  pathRemoveDirectory,
  pathRename,
  pathSymlink,
  pathUnlinkFile,
} from './path-calls.ts';
import { pathOpen } from './path-open.ts';
import { pollOneoff } from './poll.ts';
import {
  argsGet,
  argsSizesGet,
  clockResGet,
  clockTimeGet,
  environGet,
  environSizesGet,
  procExit,
  procRaise,
  randomGet,
  schedYield,
  sockCall,
} from './process-calls.ts';
import { fdReaddir } from './readdir.ts';

interface Guarded extends Host {
  settle(error: unknown): number;
}

/** All of `wasi_snapshot_preview1`, each call wrapped so that what it throws becomes an errno or the end of the task. */
export function importsOf(host: Guarded): Record<string, (...args: never[]) => number> {
  const guard =
    <A extends unknown[]>(call: (host: Host, ...args: A) => void) =>
    (...args: A): number => {
      try {
        host.toll.call();
        call(host, ...args);
        return 0;
      } catch (error) {
        return host.settle(error);
      }
    };
  return {
    args_get: guard(argsGet),
    args_sizes_get: guard(argsSizesGet),
    environ_get: guard(environGet),
    environ_sizes_get: guard(environSizesGet),
    clock_res_get: guard(clockResGet),
    clock_time_get: guard(clockTimeGet),
    fd_advise: guard(fdAdvise),
    fd_allocate: guard(fdAllocate),
    fd_close: guard(fdClose),
    fd_datasync: guard(fdDatasync),
    fd_fdstat_get: guard(fdFdstatGet),
    fd_fdstat_set_flags: guard(fdFdstatSetFlags),
    fd_fdstat_set_rights: guard(fdFdstatSetRights),
    fd_filestat_get: guard(fdFilestatGet),
    fd_filestat_set_size: guard(fdFilestatSetSize),
    fd_filestat_set_times: guard(fdFilestatSetTimes),
    fd_pread: guard(fdPread),
    fd_prestat_dir_name: guard(fdPrestatDirName),
    fd_prestat_get: guard(fdPrestatGet),
    fd_pwrite: guard(fdPwrite),
    fd_read: guard(fdRead),
    fd_readdir: guard(fdReaddir),
    fd_renumber: guard(fdRenumber),
    fd_seek: guard(fdSeek),
    fd_sync: guard(fdSync),
    fd_tell: guard(fdTell),
    fd_write: guard(fdWrite),
    path_create_directory: guard(pathCreateDirectory),
    path_filestat_get: guard(pathFilestatGet),
    path_filestat_set_times: guard(pathFilestatSetTimes),
    path_link: guard(pathLink),
    path_open: guard(pathOpen),
    path_readlink: guard(pathReadlink),
    path_remove_directory: guard(pathRemoveDirectory),
    path_rename: guard(pathRename),
    path_symlink: guard(pathSymlink),
    path_unlink_file: guard(pathUnlinkFile),
    poll_oneoff: guard(pollOneoff),
    proc_exit: guard(procExit),
    proc_raise: guard(procRaise),
    random_get: guard(randomGet),
    sched_yield: guard(schedYield),
    sock_accept: guard(sockCall),
    sock_recv: guard(sockCall),
    sock_send: guard(sockCall),
    sock_shutdown: guard(sockCall),
  };
}
