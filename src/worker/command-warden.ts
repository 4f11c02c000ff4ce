/**
 * Ends a command whose supervisor was killed: nobody is left then who could. A shell waits for a word of the supervisor
 * on its standard input; where the input ends without one, it ends the program's group and, on Linux, every process
 * that carries the run's mark. Windows has none: there the next host ends what is left.
 */
import { spawn } from 'node:child_process';
import type { Mark } from '../files/process-tree';

const SCRIPT = String.raw`
group=$0 mark=$1 grace=$2
read -r _ && exit 0
end() {
  kill -s "$1" -- "-$group"
  for file in $(grep -lsxz -- "$mark" /proc/[0-9]*/environ); do
    pid=${'$'}{file#/proc/}
    kill -s "$1" "${'$'}{pid%/environ}"
  done
}
end TERM
sleep "$grace"
end KILL
`;

/** Watches over a program. @returns tells the warden that it is not needed any more */
export function placeWarden(leader: number, mark: Mark, graceMs: number): () => void {
  if (process.platform === 'win32') return () => undefined;
  const warden = spawn('/bin/sh', ['-c', SCRIPT, String(leader), `${mark.name}=${mark.value}`, String(Math.ceil(graceMs / 1000))], {
    // It must have no part in what it may end.
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without it a command runs all the same.
  warden.on('error', () => undefined);
  warden.stdin.on('error', () => undefined);
  warden.unref();
  return () => void warden.stdin.end('done\n');
}
