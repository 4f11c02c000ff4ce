// `npm run -s reprise -- COMMAND`: the command line, after the set-up that it needs. Stdout carries the command's output
// only; the set-up speaks on stderr, and only when there is something to do.
import { ensureCommandLine, runCommandLine } from './setup.mjs';
import { main } from './lib/main.mjs';

await main(async () => {
  const env = await ensureCommandLine();
  return runCommandLine(process.argv.slice(2), env);
});
