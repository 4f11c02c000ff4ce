// The default app of an Electron that came without one: it finds the app's folder on the command line and starts it.
// Runs inside Electron, packed into resources/default_app.asar by scripts/lib/electron.mjs. It is an ES module so that
// Electron awaits it: with a CommonJS one the `ready` event fires before the app has registered for it.
import { app } from 'electron';
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const preloads = [];
let target = null;
const args = process.argv.slice(1);
for (let i = 0; i < args.length; i++) {
  const arg = args[i];
  if (arg === '-r' || arg === '--require') preloads.push(args[++i]);
  else if (arg === '-v' || arg === '--version') {
    process.stdout.write(`v${process.versions.electron}\n`);
    process.exit(0);
  } else if (!arg.startsWith('-')) {
    target = arg;
    break;
  }
}

const fail = (message) => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
};

if (target === null) fail('Usage: electron FOLDER [ARGUMENTS]');
if (preloads.length > 0) Module._preloadModules(preloads);

let folder = resolve(target);
let entry;
try {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (manifest.productName || manifest.name) app.setName(manifest.productName ?? manifest.name);
  if (manifest.version) app.setVersion(manifest.version);
  if (manifest.desktopName) app.setDesktopName(manifest.desktopName);
  entry = join(folder, manifest.main ?? 'index.js');
} catch {
  entry = createRequire(import.meta.url).resolve(folder);
  folder = dirname(entry);
}
app.setAppPath(folder);
try {
  await import(pathToFileURL(entry).href);
} catch (error) {
  fail(`The app at ${folder} could not be started.\n${error?.stack ?? error}`);
}
