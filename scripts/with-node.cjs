'use strict';
// Runs a script of the project on a Node that can run it: this one, or the one that came as an optional dependency.
// The shell of `npm run` cannot be trusted with that: it remembers where it found `node` before the install.

const { spawnSync } = require('node:child_process');
const { isNewEnough, bundledNode, WHAT_TO_DO } = require('../bin/choose-node.js');

const node = isNewEnough() ? process.execPath : bundledNode();
if (node === null) {
  console.error(WHAT_TO_DO);
  process.exitCode = 1;
} else {
  // Ctrl-C goes to the script too, being of our process group: it decides what to do, and we wait for it.
  process.on('SIGINT', () => {});
  const { status, signal, error } = spawnSync(node, process.argv.slice(2), { stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (signal === null) process.exit(status);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
