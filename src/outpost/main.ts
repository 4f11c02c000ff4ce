/**
 * The program of Reprise on another machine. `outpost.js run RUN_FOLDER` carries out an attempt of a run; `outpost.js serve
 * BASE` answers a host over standard input and output.
 */
import { argv } from 'node:process';
import { keepInUse } from './programs';

const [task, folder] = argv.slice(2);
if (folder === undefined || (task !== 'run' && task !== 'serve')) {
  process.stderr.write('Usage: outpost.js run RUN_FOLDER | outpost.js serve BASE\n');
  process.exit(2);
}
keepInUse();
// Each loads what it needs: an outpost of a run is small, and waits most of its life.
if (task === 'run') process.exit(await (await import('./run')).carryOut(folder));
else await (await import('./serve')).serve(folder, process.stdin, process.stdout);
