// Step (b): out/ as the sources say.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment, listFiles, nodeBinary, readText, root, run, say, SetupError, sha256, step, tail, withLock } from './common.mjs';

const folders = ['src', 'main', 'renderer'];
const files = ['resources/replay.py', 'vite.config.ts', 'globals.d.ts', 'tsconfig.json', 'package.json', 'package-lock.json'];
const out = join(root, 'out');
const stamp = join(out, '.sources');

/** A hash over all that the build reads. */
function sourcesHash() {
  const names = [...files, ...folders.flatMap((folder) => listFiles(join(root, folder)).map((file) => `${folder}/${file}`))];
  return sha256(names.map((name) => `${name}\0${existsSync(join(root, name)) ? sha256(readFileSync(join(root, name))) : ''}`).join('\n'));
}

/** Builds out/ with vite where a source is newer; `force` builds in any case. */
export async function ensureBuild({ force = false } = {}) {
  if (!force && readText(stamp) === sourcesHash()) return;
  const state = join(root, 'node_modules', '.reprise');
  await withLock(join(state, 'build.lock'), async () => {
    const hash = sourcesHash();
    if (!force && readText(stamp) === hash) return;
    await step('Building out/ from the sources with vite', 'about 5 s', async () => {
      const fresh = join(state, 'out');
      const old = join(state, 'out-old');
      for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
      mkdirSync(fresh, { recursive: true });
      const result = await run(nodeBinary(), [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--app', '--config', join(root, 'vite.config.ts')], {
        env: childEnvironment({ REPRISE_OUT: fresh, NODE_ENV: 'production', NO_COLOR: '1', FORCE_COLOR: undefined }),
      });
      if (result.code !== 0) {
        say(tail(result.output, 40));
        throw new SetupError('The build failed (see above): correct the sources named there and try again.');
      }
      if (result.output.trim() !== '') say(tail(result.output, 40));
      writeFileSync(join(fresh, '.sources'), hash);
      if (existsSync(out)) renameSync(out, old);
      renameSync(fresh, out);
      rmSync(old, { recursive: true, force: true });
    });
  });
}
