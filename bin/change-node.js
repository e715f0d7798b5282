'use strict';
// Runs the same command on another Node and stands in for it. Invariants:
// 1. The child sees every signal exactly once. It gets a session of its own, so that neither the terminal nor a kill of
//    the process group reaches it; each signal comes to this process, which hands it on.
// 2. It ends as the child ended: same exit status, or death by the same signal.
// 3. The child never outlives it: the child watches descriptor 3, whose other end closes even on `kill -9`.

const { spawn } = require('child_process');

const HANDED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH'];

/** How long a child that is told to stop may go on, in ms. */
const GRACE = 100;

function changeNode(node, args, whatToDo) {
  const env = Object.assign({}, process.env, { DOCKET_LAUNCHER_FD: '3' });
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'pipe'], detached: true, env });
  child.on('error', (error) => {
    process.stderr.write('docket cannot start ' + node + ': ' + error.message + '\n' + whatToDo + '\n');
    process.exitCode = 1;
  });
  if (child.pid === undefined) return;

  for (const signal of HANDED_ON) process.on(signal, () => child.kill(signal));
  // Ctrl-Z: the child gets the time to stop at a good moment. A session without a terminal ignores the signal where nobody handles it, so then
  // both are stopped for certain.
  process.on('SIGTSTP', () => {
    child.kill('SIGTSTP');
    setTimeout(() => {
      child.kill('SIGSTOP');
      process.kill(process.pid, 'SIGSTOP');
    }, GRACE);
  });
  process.on('SIGCONT', () => child.kill('SIGCONT'));

  child.on('exit', (status, signal) => {
    if (signal === null) {
      process.exit(status);
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

module.exports = { changeNode };
