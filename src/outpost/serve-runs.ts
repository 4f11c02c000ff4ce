/** The folders of runs: what a host puts there, reads from there and removes. */
import { chmod, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { temporaryName } from '../files/atomic-write';
import { inParallel } from '../provenance/parallel';
import { runFolderThere } from './layout';
import { MOST_BODY, type Input, type Output } from './protocol';
import { isCarried } from './serve-life';
import { below, insideOf } from './serve-paths';

const AT_ONCE = 16;

/** Each file is whole or not there; that all outlive a crash of the machine is not waited for. */
export async function writeRuns(base: string, { files }: Input<'writeRuns'>, body: Buffer): Promise<void> {
  let offset = 0;
  const placed = files.map(({ runId, name, mode, bytes }) => {
    const content = body.subarray(offset, offset + bytes);
    offset += bytes;
    return { file: below(runFolderThere(base, runId), name), mode, content };
  });
  if (offset !== body.length) throw new RepriseError('REQUEST_INVALID', `The files of a request have ${offset} bytes, and its body has ${body.length}.`, { kind: 'system' });
  for (const folder of new Set(placed.map(({ file }) => path.dirname(file)))) await mkdir(folder, { recursive: true });
  await inParallel(placed, AT_ONCE, async ({ file, mode, content }) => {
    const temporary = temporaryName(file);
    try {
      await writeFile(temporary, content, { flag: 'wx', mode: 0o600 });
      await chmod(temporary, mode & 0o777);
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  });
}

/** Files below a place; a link counts where it leads to a file of the same run. */
export async function list(base: string, { runId, path: name }: Input<'list'>): Promise<Output<'list'>> {
  const folder = runFolderThere(base, runId);
  const top = await insideOf(folder, name);
  const info = await stat(top);
  if (info.isFile()) return { files: [{ path: name, bytes: info.size }] };
  const files: Output<'list'>['files'] = [];
  const waiting = [name === '' ? '' : `${name}/`];
  for (const prefix of waiting) {
    for (const entry of await readdir(path.join(folder, prefix), { withFileTypes: true })) {
      const found = prefix + entry.name;
      if (entry.isDirectory()) waiting.push(`${found}/`);
      else if (entry.isFile() || entry.isSymbolicLink()) {
        const file = await insideOf(folder, found).then((real) => stat(real), () => null);
        if (file?.isFile() === true) files.push({ path: found, bytes: file.size });
      }
    }
  }
  return { files };
}

export async function read(base: string, { runId, path: name, offset, bytes }: Input<'read'>): Promise<{ readonly value: Output<'read'>; readonly body: Buffer }> {
  const handle = await open(await insideOf(runFolderThere(base, runId), name), 'r');
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new RepriseError('FILE_MISSING', `${name} is no file of run ${runId}.`, { kind: 'input' });
    const body = Buffer.allocUnsafe(Math.max(0, Math.min(bytes, MOST_BODY, info.size - offset)));
    const { bytesRead } = await handle.read(body, 0, body.length, offset);
    return { value: { total: info.size }, body: body.subarray(0, bytesRead) };
  } finally {
    await handle.close();
  }
}

/** @throws RepriseError RUN_UNDER_WAY: nothing was removed then */
export async function remove(base: string, { runIds }: Input<'remove'>): Promise<void> {
  const folders = runIds.map((runId) => runFolderThere(base, runId));
  const busy = runIds.find((_, index) => isCarried(folders[index] ?? '') === true);
  if (busy !== undefined) throw new RepriseError('RUN_UNDER_WAY', `Run ${busy} is still under way there, so its folder stays.`, { kind: 'system', hint: 'Cancel it first.' });
  await inParallel(folders, AT_ONCE, (folder) => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
}
