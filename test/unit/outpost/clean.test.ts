import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Input } from '../../../src/outpost/protocol';
import { clean, leftovers } from '../../../src/outpost/serve-clean';
import { missing } from '../../../src/outpost/serve-store';

let base: string;
beforeEach(() => {
  const made = realpathSync(mkdtempSync(path.join(tmpdir(), 'reprise-clean-')));
  base = made;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
});

/** A file of long ago. */
function write(name: string, content: string, days = 100): void {
  const file = path.join(base, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  const then = Date.now() / 1000 - days * 86_400;
  for (let place = file; place !== base; place = path.dirname(place)) utimesSync(place, then, then);
}

const [one, other] = ['1'.repeat(64), '2'.repeat(64)];
const asked: Input<'clean'> = { runs: {}, queue: null, days: 30, remove: true };

describe('a folder that is cleaned', () => {
  it('loses old things, with what is in them, and tells of their sizes', async () => {
    write('runs/r/run.json', '{"runId":"r"}');
    write('runs/r/work/deep/model.bin', 'x'.repeat(1000));
    write(`inputs/${one}/data/rows.csv`, 'rows');
    write(`inputs/${other}.part/data/rows.csv`, 'ro');
    expect(await leftovers(base)).toEqual({ runIds: ['r'], hasJobs: false });
    // Nobody says what it is.
    expect((await clean(base, asked)).groups).toContainEqual(expect.objectContaining({ kind: 'run', why: 'open' }));
    write(`inputs/${one}/data/rows.csv`, 'rows');
    const { groups, problems } = await clean(base, { ...asked, runs: { r: 'other' } });
    expect(problems).toEqual([]);
    expect(groups.map(({ kind, why, count, bytes }) => [kind, why, count, bytes])).toEqual([['run', 'unused', 1, 1013], ['input', 'unneeded', 1, 4]]);
    expect(['runs', 'inputs', 'removed'].map((name) => readdirSync(path.join(base, name)))).toEqual([[], [], []]);
  });

  it('keeps what a host asked for just now, and a run that wrote just now', async () => {
    write(`objects/11/${one}`, '1');
    write(`objects/22/${other}`, '2');
    write('runs/r/run.json', '{"runId":"r"}');
    write('runs/r/attempt-1/output.jsonl', 'words', 0);
    expect(missing(base, { objects: [one, '3'.repeat(64)], inputs: [] })).toEqual({ objects: ['3'.repeat(64)], inputs: [] });
    const { groups } = await clean(base, { ...asked, runs: { r: 'other' } });
    expect(groups.map(({ kind, why, names }) => [kind, why, names])).toEqual([['run', 'recent', ['r']], ['object', 'recent', [one]], ['object', 'unneeded', [other]]]);
  });

  it('is not left by a link, wherever it stands', async () => {
    const outside = path.join(base, 'outside');
    const folder = path.join(base, 'folder');
    write(`outside/11/${one}`, '1');
    write('outside/r/run.json', '{"runId":"r"}');
    mkdirSync(path.join(folder, 'runs'), { recursive: true });
    for (const name of ['objects', 'inputs', 'kit', 'jobs']) symlinkSync(outside, path.join(folder, name));
    symlinkSync(path.join(outside, 'r'), path.join(folder, 'runs', 'r'));
    expect(await clean(folder, { ...asked, runs: { r: 'finished' } })).toMatchObject({ groups: [], problems: [] });
    // Nor does what goes go through one.
    rmSync(path.join(folder, 'objects'));
    write(`folder/objects/11/${one}`, '1');
    symlinkSync(outside, path.join(folder, 'removed'));
    expect(await clean(folder, asked)).toMatchObject({ groups: [], problems: [expect.stringContaining('is a link')] });
    expect(existsSync(path.join(folder, 'objects', '11', one))).toBe(true);
    expect(readdirSync(outside).sort()).toEqual(['11', 'r']);
  });

  it('is no workspace', async () => {
    write('reprise.db', '');
    await expect(leftovers(base)).rejects.toMatchObject({ code: 'FOLDER_IS_WORKSPACE' });
    await expect(clean(base, asked)).rejects.toMatchObject({ code: 'FOLDER_IS_WORKSPACE' });
  });
});
