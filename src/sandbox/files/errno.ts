/**
 * Failures a guest is told about, numbered as in preview 1 (`wasi_snapshot_preview1`, type `errno`).
 * They are thrown inside the host and become the return value of the host call. Each exists once, without a stack of its
 * own worth reading: a guest that probes a million missing paths must not cost a million stack traces.
 */
export class Errno extends Error {
  readonly number: number;

  constructor(name: string, number: number) {
    super(name);
    this.name = 'Errno';
    this.number = number;
  }
}

export const BADF = new Errno('EBADF', 8);
export const BUSY = new Errno('EBUSY', 10);
export const EXIST = new Errno('EEXIST', 20);
export const FAULT = new Errno('EFAULT', 21);
export const FBIG = new Errno('EFBIG', 22);
export const ILSEQ = new Errno('EILSEQ', 25);
export const INVAL = new Errno('EINVAL', 28);
export const ISDIR = new Errno('EISDIR', 31);
export const LOOP = new Errno('ELOOP', 32);
export const MFILE = new Errno('EMFILE', 33);
export const NAMETOOLONG = new Errno('ENAMETOOLONG', 37);
export const NOENT = new Errno('ENOENT', 44);
export const NOSYS = new Errno('ENOSYS', 52);
export const NOTDIR = new Errno('ENOTDIR', 54);
export const NOTEMPTY = new Errno('ENOTEMPTY', 55);
export const NOTSOCK = new Errno('ENOTSOCK', 57);
export const OVERFLOW = new Errno('EOVERFLOW', 61);
export const PERM = new Errno('EPERM', 63);
export const SPIPE = new Errno('ESPIPE', 70);
export const NOTCAPABLE = new Errno('ENOTCAPABLE', 76);
