/** `reprise serve` as a process of its own. */
import { once } from 'node:events';
import { startCli } from './cli';

export interface Serving {
  /** Where a client logs to. */
  readonly uri: string;
  readonly pid: number;
  /** Ends it as Ctrl-C does. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Serves a workspace; on the port it had before, if it was served before. @throws where it does not come up */
export async function startServing(workspace: string): Promise<Serving> {
  const { child, done } = startCli(['serve', '--workspace', workspace, '--json']);
  let told = '';
  const uri = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (text: string) => {
      told += text;
      const found = /"url": "([^"]+)"[^}]*\}/u.exec(told)?.[1];
      if (found !== undefined) resolve(found);
    });
    done.then(({ code, stderr }) => reject(new Error(`reprise serve ended with ${code}: ${stderr}`)), reject);
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return { uri, pid: child.pid ?? -1, stop: () => end('SIGINT'), kill: () => end('SIGKILL') };
}
