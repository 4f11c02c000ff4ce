// `npm run package [-- ELECTRON-BUILDER ARGUMENTS]`: packs the app with the Electron at hand; the default is a folder
// (dist/linux-unpacked and its like). Other targets, such as `-- --linux AppImage`, may fetch tools from the internet.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureBuild } from './lib/bundle.mjs';
import { childEnvironment, nodeBinary, root, SetupError, step } from './lib/common.mjs';
import { ensureElectron } from './lib/electron.mjs';
import { main } from './lib/main.mjs';
import { ensurePackages } from './lib/packages.mjs';
import { ensureSqlite } from './lib/sqlite.mjs';
import { runAttached } from './setup.mjs';

await main(async () => {
  await ensurePackages();
  await ensureBuild();
  const electron = await ensureElectron();
  const sqlite = await ensureSqlite({ electron: electron.napi9 });

  const config = createRequire(join(root, 'package.json'))('yaml').parse(readFileSync(join(root, 'electron-builder.yml'), 'utf8'));
  Object.assign(config, { electronDist: electron.dist, electronVersion: electron.version });
  const binding = sqlite.REPRISE_SQLITE_BINDING;
  // This Electron cannot load the prebuilt addon: the one compiled for it lies beside the archive.
  if (electron.napi9 && binding) config.extraResources = [{ from: binding, to: 'better_sqlite3.node' }];
  const merged = join(root, 'node_modules', '.reprise', 'electron-builder.json');
  mkdirSync(join(root, 'node_modules', '.reprise'), { recursive: true });
  writeFileSync(merged, JSON.stringify(config, null, 2));

  const given = process.argv.slice(2);
  const args = given.length > 0 ? given : ['--dir'];
  return step('Packing the app with electron-builder', 'about 10 s', async () => {
    const code = await runAttached(nodeBinary(), [join(root, 'node_modules/electron-builder/cli.js'), '--config', merged, '--publish', 'never', ...args], { cwd: root, env: childEnvironment() });
    if (code !== 0) throw new SetupError('electron-builder failed (see above): on a machine that cannot reach the internet only the default target, a folder, can be made.');
    // The fetched Electron's own note and default app are no part of a package.
    for (const left of ['complete', 'resources/default_app.asar']) rmSync(join(root, 'dist', 'linux-unpacked', left), { force: true });
    return 0;
  });
});
