'use strict';
// Runs the program in this process, which is a new enough Node.

const fs = require('fs');
const module_ = require('module');
const os = require('os');
const path = require('path');
const { pathToFileURL } = require('url');

/** The user's own cache folder; none if it cannot be known, for a folder others can write would let them choose our code. */
function compileCacheFolder() {
  if (process.env.XDG_CACHE_HOME && path.isAbsolute(process.env.XDG_CACHE_HOME)) {
    return path.join(process.env.XDG_CACHE_HOME, 'docket', 'compile');
  }
  try {
    const home = os.homedir();
    if (!path.isAbsolute(home)) return undefined;
    const caches = process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache'];
    return path.join(home, ...caches, 'docket', 'compile');
  } catch {
    return undefined;
  }
}

/** A launcher that changed Node holds the other end of this descriptor: when it is gone, however it died, so are we. */
function dieWithLauncher() {
  const fd = Number(process.env.DOCKET_LAUNCHER_FD);
  delete process.env.DOCKET_LAUNCHER_FD;
  if (!Number.isInteger(fd) || fd < 3) return;
  const { Socket } = require('net');
  const channel = new Socket({ fd, readable: true, writable: false });
  channel.on('error', () => {});
  channel.on('close', () => process.kill(process.pid, 'SIGKILL'));
  channel.resume();
  channel.unref();
}

/**
 * Most imports name a file beside the one that imports it, extension and all. Node would look each of them up on disk, resolve links, and read
 * package.json to learn its format; and each package anew for every file that imports it. That is a quarter of the time in which a command loads.
 * What is not certain is left to Node.
 *
 * Node calls such a hook for CommonJS modules too, which makes loading them a third slower, and yaml alone has 72: with the first one it goes.
 */
function resolveFaster(folder, extension, format) {
  const own = pathToFileURL(folder + path.sep).href;
  const packages = new Map();
  const hooks = module_.registerHooks({
    resolve(specifier, { parentURL, conditions }, next) {
      if (!conditions.includes('import')) hooks.deregister();
      if (parentURL === undefined || !parentURL.startsWith('file:') || !conditions.includes('import')) return next(specifier);
      const isOwn = parentURL.startsWith(own);
      if (specifier.startsWith('./') || specifier.startsWith('../')) {
        const url = new URL(specifier, parentURL).href;
        return isOwn && url.endsWith(extension) ? { url, format, shortCircuit: true } : { url, shortCircuit: true };
      }
      if (!isOwn) return next(specifier);
      if (specifier.startsWith('node:')) return { url: specifier, format: 'builtin', shortCircuit: true };
      const known = packages.get(specifier);
      if (known !== undefined) return known;
      const found = { ...next(specifier), shortCircuit: true };
      packages.set(specifier, found);
      return found;
    },
  });
}

function start(root) {
  dieWithLauncher();
  const cache = compileCacheFolder();
  if (cache !== undefined && module_.enableCompileCache(cache).directory !== undefined) {
    // Threads have a cache of their own, which only the environment turns on.
    process.env.NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE || cache;
  }
  // A checkout runs from source. A published package cannot: Node strips no types below node_modules.
  const source = path.join(root, 'src', 'cli', 'main.ts');
  const isCheckout = fs.existsSync(source);
  const main = isCheckout ? source : path.join(root, 'dist', 'cli', 'main.js');
  if (isCheckout) resolveFaster(path.join(root, 'src'), '.ts', 'module-typescript');
  else resolveFaster(path.join(root, 'dist'), '.js', 'module');
  void import(pathToFileURL(main).href);
}

module.exports = { start };
