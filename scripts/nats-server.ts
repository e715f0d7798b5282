/** Installs nats-server for the tests of the mesh, where that needs nobody's leave. Elsewhere they skip. Debian's package also starts one: that is stopped again. */

import { spawnSync } from 'node:child_process';
import { install, mayInstall } from './apt-get.ts';

const works = (): boolean => spawnSync('nats-server', ['--version']).status === 0;

export function ensureNatsServer(): void {
  if (works()) return;
  if (!mayInstall()) {
    console.log('No nats-server: tests of the mesh over NATS skip. On Debian: apt-get install nats-server');
    return;
  }
  if (!install(['nats-server']) || !works()) {
    console.log('That did not work: tests of the mesh over NATS skip.');
    return;
  }
  // Nobody asked for a service at a fixed port.
  spawnSync('systemctl', ['disable', '--now', 'nats-server']);
}
