import { readFileSync, realpathSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from '../errors.ts';

/** What the kernel tells about file systems. */
export interface FileSystemProbe {
  /** `f_type` of statfs(2) where the path lies. */
  type(path: string): number;
  /** Text of `/proc/self/mountinfo`, see proc_pid_mountinfo(5); empty where there is none. */
  mounts(): string;
}

const systemProbe: FileSystemProbe = {
  type: (path) => Number(BigInt.asUintN(32, BigInt(statfsSync(path).type))),
  mounts: () => (process.platform === 'linux' ? readFileSync('/proc/self/mountinfo', 'utf8') : ''),
};

/** Magic numbers of statfs(2), and of coreutils' `stat.c` where that has more. Shared folders of virtual machines count: their locks do not hold. */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'afs'],
  [0x73757245, 'coda'],
  [0x564c, 'ncp'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x19830326, 'beegfs'],
  [0x20030528, 'orangefs'],
  [0x01161970, 'gfs2'],
  [0x7461636f, 'ocfs2'],
  [0x47504653, 'gpfs'],
  [0xaad7aaea, 'panfs'],
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
  [0x7c7c6673, 'prl_fs'],
]);

/** One magic number for all file systems in user space; the mount table has their names. */
const FUSE = 0x65735546;
/** Names after `fuse.` or alone. Others in user space are taken for local: they wrap local disks or archives. */
const NETWORK_FUSE: ReadonlySet<string> = new Set([
  'sshfs',
  'rclone',
  's3fs',
  'goofys',
  'mountpoint-s3',
  'gcsfuse',
  'blobfuse',
  'blobfuse2',
  'glusterfs',
  'ceph',
  'ceph-fuse',
  'juicefs',
  'seaweedfs',
  'mfs',
  'moosefs',
  'lizardfs',
  'saunafs',
  'davfs',
  'davfs2',
  'curlftpfs',
  'smbnetfs',
  'fuse-nfs',
  'nfs',
  'cvmfs2',
  'hdfs',
  'fuse_dfs',
  'gvfsd-fuse',
  'kio-fuse',
  'google-drive-ocamlfuse',
  'onedriver',
  'grpcfuse',
  'osxfs',
  'virtiofs',
]);

/** Name of the network file system `path` lies on, or will lie on if it is not there yet; undefined if it is on a local one. */
export function networkFileSystem(path: string, probe: FileSystemProbe = systemProbe): string | undefined {
  const present = nearestPresent(path);
  const type = probe.type(present);
  if (type !== FUSE) return NETWORK_TYPES.get(type);
  const name = mountedType(present, probe.mounts()).replace(/^fuse\./, '');
  return NETWORK_FUSE.has(name) ? name : undefined;
}

/** The file system type of the mount `path` lies on: the longest mount point above it, and of equal ones the last, which covers the others. */
function mountedType(path: string, mountinfo: string): string {
  let longest = -1;
  let type = '';
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ');
    const point = left?.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (point === undefined || right === undefined || point.length < longest) continue;
    if (path !== point && !path.startsWith(point === '/' ? '/' : `${point}/`)) continue;
    longest = point.length;
    type = right.split(' ')[0] ?? '';
  }
  return type;
}

function nearestPresent(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    try {
      return realpathSync(at);
    } catch (error) {
      const code = systemCode(error);
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || at === dirname(at)) throw error;
    }
  }
}
