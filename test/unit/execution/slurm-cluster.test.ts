/** A script is handed to a cluster once, also where its controller takes it and does not answer. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Link } from '../../../src/execution/remote/link';
import { Cluster } from '../../../src/execution/slurm/cluster';

let base: string;
beforeEach(() => {
  const made = mkdtempSync(join(tmpdir(), 'reprise-cluster-'));
  base = made;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  mkdirSync(join(base, 'bin'));
});

function program(name: string, script: string): void {
  const file = join(base, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** A login host whose commands are those of `bin`. */
function cluster(): Cluster {
  const call = (_method: string, { argv: [file = '', ...args] }: { readonly argv: readonly string[] }, input: Buffer): Promise<unknown> =>
    new Promise((resolve) => {
      const child = execFile(file, args, { env: { PATH: `${base}/bin:/usr/bin:/bin` } }, (error, stdout, stderr) =>
        resolve({ value: { exitCode: error === null ? 0 : error.code, signal: null, stdoutBytes: Buffer.byteLength(stdout) }, body: Buffer.from(stdout + stderr) }),
      );
      // It may end before it has read what it is given.
      child.stdin?.on('error', () => undefined).end(input);
    });
  return new Cluster({ name: 'login', call } as unknown as Link);
}

const LOST = 'echo "Socket timed out on send/recv operation" >&2; exit 1';

test('an answer that was lost is looked for in the queue, and nothing is sent again while that does not answer either', async () => {
  const folder = join(base, 'jobs', 't');
  program('sbatch', `echo sent >>${base}/sent; ${LOST}`);
  program('squeue', LOST);
  const submit = (): Promise<number> => cluster().submit(folder, '#!/bin/bash\ntrue\n', ['r1', 'r2']);
  await expect(submit()).rejects.toMatchObject({ code: 'SLURM_UNREACHABLE' });
  await expect(submit()).rejects.toMatchObject({ code: 'SLURM_UNREACHABLE' });
  await expect(cluster().find(folder)).rejects.toMatchObject({ code: 'SLURM_UNREACHABLE' });
  program('squeue', `printf '11|/elsewhere\\n12|${folder}\\n'`);
  expect(await cluster().find(folder)).toBe(12);
  expect(await submit()).toBe(12);
  program('squeue', LOST);
  expect(await submit()).toBe(12);
  expect(await cluster().find(folder)).toBe(12);
  expect(readFileSync(join(base, 'sent'), 'utf8')).toBe('sent\n');
  expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('r1\nr2\n');
});

test('a script that never came to the queue is sent again, and one that nobody sent is not looked for', async () => {
  const folder = join(base, 'jobs', 't');
  program('squeue', `echo asked >>${base}/asked`);
  expect(await cluster().find(folder)).toBeNull();
  program('sbatch', LOST);
  await expect(cluster().submit(folder, '#!/bin/bash\n', ['r'])).rejects.toMatchObject({ code: 'SLURM_UNREACHABLE' });
  expect(existsSync(join(base, 'asked'))).toBe(false);
  program('sbatch', 'echo "12;big"');
  expect(await cluster().find(folder)).toBeNull();
  expect(await cluster().submit(folder, '#!/bin/bash\n', ['r'])).toBe(12);
});
