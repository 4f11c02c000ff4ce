// `npm run tutorial`: takes the pictures of the tutorial in the real app, puts them into resources/tutorial and writes the
// tutorial's part of the README from the same list of actions that the end-to-end test goes through.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, say, SetupError } from './lib/common.mjs';
import { main } from './lib/main.mjs';
import { runAttached } from './setup.mjs';

const begin = '<!-- tutorial: written by `npm run tutorial` -->';
const end = '<!-- /tutorial -->';

await main(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-tutorial-'));
  try {
    const code = await runAttached(process.execPath, [join(root, 'scripts', 'test.mjs'), 'gallery', 'tutorial'], { cwd: root, env: { ...process.env, REPRISE_PICTURES: folder } });
    if (code !== 0) return code;
    const from = join(folder, 'tutorial');
    const to = join(root, 'resources', 'tutorial');
    rmSync(to, { recursive: true, force: true });
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) if (name.endsWith('.png')) copyFileSync(join(from, name), join(to, name));
    const readme = join(root, 'README.md');
    const text = readFileSync(readme, 'utf8');
    const [before, rest] = text.split(begin);
    const after = rest?.split(end)[1];
    if (after === undefined) throw new SetupError(`README.md has no lines ${begin} and ${end}: put them where the tutorial belongs.`);
    writeFileSync(readme, `${before}${begin}\n\n${readFileSync(join(from, 'tutorial.md'), 'utf8').trim()}\n\n${end}${after}`);
    say(`Wrote resources/tutorial and the tutorial in README.md`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
