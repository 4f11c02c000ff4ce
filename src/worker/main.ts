/**
 * The worker process. `worker.js RUN_FOLDER DATA_FILE` trains; `worker.js RUN_FOLDER` supervises a command;
 * `worker.js --provider NAME` tells whether an execution provider works here.
 * Exit codes: 0 done, 1 failed, 2 wrong use, 129 the host went away, 130 cancelled.
 */
import { argv } from 'node:process';
import { mayBegin, watchParent } from './parent';

const [runFolder, dataFile] = argv.slice(2);
if (runFolder === undefined) {
  process.stderr.write('Usage: worker.js RUN_FOLDER [DATA_FILE]\n');
  process.exit(2);
}
if (runFolder === '--provider') {
  process.stdout.write(await (await import('./providers')).tellOfProvider(dataFile ?? ''));
  process.exit(0);
}
const parentGone = watchParent();
// Ctrl-C reaches every process of a terminal; the host decides what becomes of its workers.
process.on('SIGINT', () => {});
// Each loads what it needs: a supervisor is small, and waits most of its life.
const work = dataFile === undefined ? (await import('./command')).superviseCommand : (await import('./training')).trainInFolder.bind(null, dataFile);
process.exit((await mayBegin(runFolder, parentGone)) ? await work(runFolder, parentGone) : 129);
