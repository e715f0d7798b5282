import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { networkFileSystem } from '../../src/ledger/network-file-system.ts';
import { Folder } from './helpers.ts';

const FUSE = 0x65735546;

const numbers = [
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x5346414f, 'afs'],
  [0xef53, undefined],
  [0x9123683e, undefined],
  [0x58465342, undefined],
  [0x2fc12fc1, undefined],
  [0x794c7630, undefined],
  [0x01021994, undefined],
] as const;

test('by number', () => {
  for (const [number, name] of numbers) assert.equal(networkFileSystem(tmpdir(), { type: () => number, mounts: () => '' }), name);
});

/** As `/proc/self/mountinfo` shows them, with the folder under test mounted as `type`. */
function mounts(folder: string, type: string, source: string): string {
  return `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 27 0:29 / /tmp rw,nosuid,nodev shared:5 - tmpfs tmpfs rw
402 27 0:52 / ${folder} rw,nosuid,nodev,relatime shared:213 master:4 - ${type} ${source} rw,user_id=1000,group_id=1000
403 27 0:53 / ${folder}-beside rw,relatime - fuse.rclone remote: rw
`;
}

test('in user space by the name in the mount table', () => {
  using folder = new Folder();
  const found = (type: string, source = 'x', path = folder.path) =>
    networkFileSystem(path, { type: () => FUSE, mounts: () => mounts(folder.path, type, source) });
  assert.equal(found('fuse.sshfs', 'me@host:/srv/data'), 'sshfs');
  assert.equal(found('fuse.rclone', 'remote:'), 'rclone');
  assert.equal(found('fuse.glusterfs', 'server:/volume'), 'glusterfs');
  assert.equal(found('virtiofs', 'myfs'), 'virtiofs');
  assert.equal(found('fuseblk', '/dev/sdb1'), undefined, 'NTFS on a local disk');
  assert.equal(found('fuse.gocryptfs', '/home/me/cipher'), undefined);
  assert.equal(found('fuse.mergerfs', '/disks/a:/disks/b'), undefined);
  assert.equal(found('fuse.sshfs', 'x', folder.at('not', 'there', 'yet')), 'sshfs', 'nor is the home made on one');
});

test('the innermost mount decides, of two on one place the later', () => {
  using folder = new Folder();
  const inner = folder.at('a b');
  mkdirSync(inner);
  symlinkSync(inner, folder.at('link'));
  const escaped = inner.replace(' ', '\\040');
  const table = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:52 / ${folder.path} rw - fuse.gocryptfs /cipher rw
41 27 0:53 / ${escaped} rw - fuse.gocryptfs /cipher rw
42 27 0:54 / ${escaped} rw - fuse.sshfs host: rw
`;
  const probe = { type: () => FUSE, mounts: () => table };
  assert.equal(networkFileSystem(folder.path, probe), undefined);
  assert.equal(networkFileSystem(inner, probe), 'sshfs');
  assert.equal(networkFileSystem(folder.at('link', 'home'), probe), 'sshfs', 'through a symlink');
  assert.equal(networkFileSystem(folder.at('a bc'), probe), undefined, 'only whole names count');
});

test('the folder for temporary files is on a local disk', () => {
  assert.equal(networkFileSystem(tmpdir()), undefined);
});
