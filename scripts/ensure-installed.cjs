'use strict';
// Brings node_modules in line with package-lock.json, if it is not already, so that `npm run demo` and `npm test` work
// straight after a clone. Runs before anything is installed: built-in modules of Node 20 only.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const root = path.dirname(__dirname);

function packagesOf(lockFile) {
  try {
    return JSON.parse(fs.readFileSync(lockFile, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether npm may have left an optional package out: it is for other machines, or serves one that is. */
function mayBeAbsent(entry) {
  const lists = (wanted, actual) => wanted !== undefined && [].concat(wanted).includes(actual);
  // `libc` is left to npm, which knows how to tell glibc from musl.
  return entry.optional === true && (entry.libc !== undefined || !lists(entry.os, process.platform) || !lists(entry.cpu, process.arch));
}

/** Why an install is needed, or undefined. npm keeps the second file as its record of what stands in node_modules. */
function whyStale() {
  const wanted = packagesOf(path.join(root, 'package-lock.json'));
  if (wanted === undefined) throw new Error('package-lock.json is missing or malformed');
  const installed = packagesOf(path.join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return 'node_modules is missing';
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === '') continue;
    const found = installed[name];
    if (found === undefined && mayBeAbsent(entry)) continue;
    if (found === undefined || found.integrity !== entry.integrity) return name + ' is missing or of another version';
    if (!fs.existsSync(path.join(root, name, 'package.json'))) return name + ' is missing';
  }
  return undefined;
}

function install() {
  // Under `npm run`, npm_execpath is the npm that runs us; by hand, whichever is on the path.
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const args = [...npm.slice(1), 'ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, error } = spawnSync(npm[0], args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  return status ?? 1;
}

const why = whyStale();
if (why !== undefined) {
  console.log('Installing dependencies (npm ci): ' + why + '.');
  process.exitCode = install();
}
