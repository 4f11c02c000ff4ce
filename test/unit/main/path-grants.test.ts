/** Which paths a window may name to the engine. */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PathGrants } from '../../../main/path-grants';
import type { Method } from '../../../src/api/contract';

let folder: string;
let workspace: string;
let grants: PathGrants;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'reprise-grants-')));
  workspace = join(folder, 'workspace');
  await mkdir(workspace);
  await writeFile(join(workspace, 'own.yaml'), '');
  await writeFile(join(folder, 'other.yaml'), '');
  await symlink(join(folder, 'other.yaml'), join(workspace, 'link.yaml'));
  grants = new PathGrants(workspace);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const verdict = (method: Method, input: unknown): Promise<string> => grants.admit(method, input).then(() => 'allowed', (error: { code: string }) => error.code);

const readers: readonly [Method, (path: string) => unknown][] = [
  ['runs.start', (path) => ({ config: path })],
  ['studies.plan', (path) => ({ study: path })],
  ['studies.start', (path) => ({ study: path })],
  ['runs.import', (path) => ({ path })],
  ['bundle.inspect', (path) => ({ file: path })],
  ['bundle.verify', (path) => ({ file: path })],
  ['bundle.plan', (path) => ({ file: path })],
  ['bundle.reproduce', (path) => ({ file: path, trust: 'x' })],
];

describe('reading', () => {
  it.each(readers)('by %s needs a chosen file or one of the workspace', async (method, input) => {
    const path = join(folder, 'other.yaml');
    expect(await verdict(method, input(path))).toBe('PATH_NOT_CHOSEN');
    expect(await verdict(method, input(join(workspace, 'own.yaml')))).toBe('allowed');
    for (const way of ['link.yaml', '../other.yaml', 'nowhere.yaml']) expect(await verdict(method, input(join(workspace, way))), way).toBe('PATH_NOT_CHOSEN');
    grants.add({ access: 'read', path });
    expect(await verdict(method, input(path))).toBe('allowed');
    expect(await verdict(method, input(`${folder}/x/../other.yaml`))).toBe('allowed');
    expect(await verdict(method, input(`${path}.more`))).toBe('PATH_NOT_CHOSEN');
  });

  it('needs every file of a call to be chosen', async () => {
    grants.add({ access: 'read', path: join(folder, 'other.yaml') });
    expect(await verdict('bundle.plan', { file: join(folder, 'other.yaml'), data: '/etc/passwd' })).toBe('PATH_NOT_CHOSEN');
  });

  it('of a study from text needs the folder its paths start at, where it names one', async () => {
    expect(await verdict('studies.plan', { study: { text: '', folder: null } })).toBe('allowed');
    expect(await verdict('studies.plan', { study: { text: '', folder } })).toBe('PATH_NOT_CHOSEN');
    grants.add({ access: 'folder', path: folder });
    expect(await verdict('studies.plan', { study: { text: '', folder } })).toBe('allowed');
    expect(await verdict('studies.plan', { study: { text: '', folder: tmpdir() } })).toBe('PATH_NOT_CHOSEN');
    // A folder is no leave to name the files in it.
    expect(await verdict('bundle.inspect', { file: join(folder, 'other.yaml') })).toBe('PATH_NOT_CHOSEN');
  });
});

describe('writing', () => {
  it.each([['report.write'], ['bundle.export'], ['runs.export']] as const)('by %s is good for one success, after which the file may be read', async (method) => {
    const out = join(folder, 'out.zip');
    expect(await verdict(method, { out })).toBe('PATH_NOT_CHOSEN');
    expect(await verdict(method, { out: join(workspace, 'own.yaml') })).toBe('PATH_NOT_CHOSEN');
    grants.add({ access: 'write', path: out });
    const first = await grants.admit(method, { out });
    expect(await verdict(method, { out })).toBe('PATH_NOT_CHOSEN');
    first.ended(false);
    expect(await verdict('bundle.inspect', { file: out })).toBe('PATH_NOT_CHOSEN');
    (await grants.admit(method, { out })).ended(true);
    expect(await verdict(method, { out })).toBe('PATH_NOT_CHOSEN');
    expect(await verdict('bundle.inspect', { file: out })).toBe('allowed');
  });
});

it('other methods and inputs of another shape are the engine’s to judge', async () => {
  expect(await verdict('runs.get', { run: '/etc/passwd' })).toBe('allowed');
  for (const input of [null, undefined, 7, {}, { config: 7 }]) expect(await verdict('runs.start', input)).toBe('allowed');
});
