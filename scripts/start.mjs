// `npm start [-- --headless] [--workspace DIR]`: sets up, then opens the app; without a display, or with --headless, it
// runs the sample ablation on the command line instead.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { childEnvironment, root, say } from './lib/common.mjs';
import { main } from './lib/main.mjs';
import { ensureCommandLine, ensureWindow, hasDisplay, runAttached, runCommandLine, timed, userFolder } from './setup.mjs';

function options() {
  try {
    return parseArgs({ options: { headless: { type: 'boolean' }, workspace: { type: 'string' } } }).values;
  } catch (error) {
    say(`${error.message}\nUsage: npm start [-- [--headless] [--workspace DIR]]`);
    return null;
  }
}

await main(async () => {
  const given = options();
  if (given === null) return 2;
  const workspace = given.workspace === undefined ? [] : ['--workspace', resolve(userFolder(), given.workspace)];
  const headless = given.headless === true || !hasDisplay();

  if (headless) {
    if (given.headless !== true) say('No display here, so the sample ablation runs on the command line.');
    const env = await timed(ensureCommandLine);
    return runCommandLine(['sample', ...workspace], env);
  }

  const { electron, env } = await timed(async () => {
    const commandLine = await ensureCommandLine();
    const found = await ensureWindow({ display: true });
    return { electron: found.electron, env: { ...commandLine, ...found.env } };
  });
  // Chromium's sandbox refuses to run as root; for everyone else it stays on.
  const flags = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return runAttached(electron.executable, [...flags, root, ...workspace], { cwd: root, env: childEnvironment(env) });
});
