/** `reprise serve`: takes in what MLflow's clients log, until it is stopped. */
import { createEngine } from '../../engine/engine';
import { print, printJson, say } from '../output';
import { call, spawnWorker, workspaceOf, type GlobalOptions } from '../session';

/** Hosts the workspace and only serves: runs that wait keep waiting. */
export async function serve(_args: readonly string[], options: GlobalOptions & { port?: number }): Promise<number> {
  const workspace = workspaceOf(options);
  const engine = await createEngine({ workspace, mode: 'host', spawn: spawnWorker, resume: false });
  try {
    const { url, port } = await call(engine, 'tracking.start', options.port === undefined ? {} : { port: options.port });
    // Before anybody is told that it can be stopped.
    const ended = stopped();
    if (options.json === true) printJson({ url, port, workspace });
    else print(`${url ?? ''}\nSet MLFLOW_TRACKING_URI to it, or call mlflow.set_tracking_uri with it: what is logged becomes runs in ${workspace}.`);
    say('Ctrl-C stops it. Queued runs are not started by this command.');
    await ended;
    return 0;
  } finally {
    await engine.close();
  }
}

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      resolve();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
