import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RUN_FILES } from '../../../src/events/manifest';
import { sha256Bytes } from '../../../src/files/hash';
import { checkWorkspace } from '../../../src/store/check';
import { openDatabase } from '../../../src/store/database';
import { migrate, MIGRATIONS, schemaVersion } from '../../../src/store/migrations';
import { fileSystemType, isNetworkType } from '../../../src/store/network';
import { openStore } from '../../../src/store/open';
import { rebuildWorkspace } from '../../../src/store/rebuild';
import { SeriesTable } from '../../../src/store/tables/series';
import { dumpWorkspace } from '../../helpers/dump';
import { append, attempt, DATA_HASH, exitedWell, finished, putSampleData, sampleManifest, sampleStudy, steps, temporaryFolder } from './sample';

/** A workspace with a finished, an interrupted and a queued run and a study; closed. */
async function closedWorkspace(): Promise<string> {
  const folder = temporaryFolder();
  const store = await openStore(folder, { mode: 'host' });
  await putSampleData(folder);
  for (const id of ['run-done', 'run-half', 'run-wait']) await store.createRun(sampleManifest(id));
  const weights = Buffer.from('weights');
  writeFileSync(join(store.runFolder('run-done'), 'w.safetensors'), weights);
  append(
    store.runFolder('run-done'), attempt(1), steps(0, 10), { type: 'weights-hash', step: 10, hash: 'h', chain: 'c' },
    { type: 'metrics', split: 'test', step: 10, epoch: 2, values: { loss: 'NaN', accuracy: 0.5 } },
    { type: 'artifact', name: 'weights', file: 'w.safetensors', sha256: sha256Bytes(weights), bytes: weights.length }, finished, exitedWell,
  );
  append(store.runFolder('run-half'), attempt(1), steps(0, 3));
  for (const id of ['run-done', 'run-half']) await store.ingest(id);
  await store.saveStudy(sampleStudy('study-1'));
  store.close();
  return folder;
}

function contentOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(names.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
  }));
}

describe('rebuild', () => {
  it('makes an equal database and keeps the old one', async () => {
    const folder = await closedWorkspace();
    const before = await dumpWorkspace(folder);
    expect(before.tables['runs']).toHaveLength(3);
    const result = await rebuildWorkspace(folder);
    expect(result).toEqual({ runs: 3, backup: join(folder, 'reprise.db.before-rebuild-1'), problems: [] });
    expect(await dumpWorkspace(folder)).toEqual(before);
    expect((await rebuildWorkspace(folder)).backup).toBe(join(folder, 'reprise.db.before-rebuild-2'));
    expect(await checkWorkspace(folder)).toEqual([]);
  });

  it('helps where the database is damaged or gone, and names folders it cannot take in', async () => {
    const folder = await closedWorkspace();
    const before = await dumpWorkspace(folder);
    writeFileSync(join(folder, 'reprise.db'), Buffer.alloc(20_000, 7));
    await expect(openStore(folder, { mode: 'host' })).rejects.toMatchObject({ code: 'STORE_CORRUPT', hint: expect.stringContaining('reprise workspace rebuild') as string });
    await expect(openStore(folder, { mode: 'reader' })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await checkWorkspace(folder)).toMatchObject([{ path: join(folder, 'reprise.db') }]);
    await rebuildWorkspace(folder);
    expect(await dumpWorkspace(folder)).toEqual(before);

    rmSync(join(folder, 'reprise.db'));
    writeFileSync(join(folder, 'runs', 'run-wait', RUN_FILES.manifest), '{');
    const result = await rebuildWorkspace(folder);
    expect(result).toMatchObject({ runs: 2, backup: null, problems: [{ path: join(folder, 'runs', 'run-wait') }] });
  });

  it('is refused beside a living host, and where there is no workspace', async () => {
    const folder = await closedWorkspace();
    const store = await openStore(folder, { mode: 'host' });
    onTestFinished(() => store.close());
    await expect(rebuildWorkspace(folder)).rejects.toMatchObject({ code: 'WORKSPACE_IN_USE' });
    await expect(rebuildWorkspace(join(folder, 'none'))).rejects.toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('is what a reader advises when the database is gone; a foreign folder of runs is no workspace', async () => {
    const folder = await closedWorkspace();
    rmSync(join(folder, 'reprise.db'));
    await expect(openStore(folder, { mode: 'reader' })).rejects.toMatchObject({ code: 'STORE_MISSING', hint: expect.stringContaining('reprise workspace rebuild') as string });
    const foreign = temporaryFolder();
    mkdirSync(join(foreign, 'runs', 'exp1'), { recursive: true });
    writeFileSync(join(foreign, 'runs', 'exp1', 'events.out'), '');
    await expect(openStore(foreign, { mode: 'reader' })).rejects.toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
    await expect(rebuildWorkspace(foreign)).rejects.toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
    await expect(checkWorkspace(foreign)).rejects.toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
  });

  it('happens by itself when the database is gone', async () => {
    const folder = await closedWorkspace();
    const before = await dumpWorkspace(folder);
    rmSync(join(folder, 'reprise.db'));
    (await openStore(folder, { mode: 'host' })).close();
    expect(await dumpWorkspace(folder)).toEqual(before);
  });
});

describe('check', () => {
  it('finds nothing wrong with a good workspace, also beside its host, and changes nothing', async () => {
    const folder = await closedWorkspace();
    const before = contentOf(folder);
    expect(await checkWorkspace(folder)).toEqual([]);
    const after = contentOf(folder);
    for (const [path, hash] of Object.entries(before)) expect(after[path]).toBe(hash);
    const store = await openStore(folder, { mode: 'host' });
    expect(await checkWorkspace(folder)).toEqual([]);
    store.close();
  });

  const harms: readonly [string, (folder: string) => void, string, string][] = [
    ['a run folder without row', (folder) => {
      cpSync(join(folder, 'runs', 'run-wait'), join(folder, 'runs', 'run-new'), { recursive: true });
      const manifest = join(folder, 'runs/run-new/run.json');
      writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"runId": "run-wait"', '"runId": "run-new"'));
    }, 'runs/run-new', 'rebuild` takes it in'],
    ['a row without run folder', (folder) => rmSync(join(folder, 'runs', 'run-wait'), { recursive: true }), 'runs/run-wait', 'would leave the run out'],
    ['a changed manifest', (folder) => writeFileSync(join(folder, 'runs/run-wait/run.json'), readFileSync(join(folder, 'runs/run-wait/run.json'), 'utf8').replace('"bytes": 4', '"bytes": 5')), 'runs/run-wait', 'was changed'],
    ['a missing manifest', (folder) => rmSync(join(folder, 'runs/run-wait/run.json')), 'runs/run-wait', 'Restore the run folder from a backup'],
    ['a damaged manifest', (folder) => writeFileSync(join(folder, 'runs/run-wait/run.json'), '{'), 'runs/run-wait', 'rebuild` would leave the run out'],
    ['a damaged run folder without row', (folder) => {
      cpSync(join(folder, 'runs', 'run-wait'), join(folder, 'runs', 'run-new'), { recursive: true });
      writeFileSync(join(folder, 'runs/run-new/run.json'), '{');
    }, 'runs/run-new', 'cannot be taken in'],
    ['a missing artifact', (folder) => rmSync(join(folder, 'objects', sha256Bytes('weights').slice(0, 2)), { recursive: true }), `objects/${sha256Bytes('weights').slice(0, 2)}/${sha256Bytes('weights')}`, 'weights of run run-done is missing. Restore the file from a backup, or train the run again.'],
    ['a changed artifact', (folder) => writeFileSync(join(folder, 'objects', sha256Bytes('weights').slice(0, 2), sha256Bytes('weights')), 'weightz'), `objects/${sha256Bytes('weights').slice(0, 2)}/${sha256Bytes('weights')}`, 'differs from its hash'],
    ['changed data', (folder) => writeFileSync(join(folder, 'objects', DATA_HASH.slice(0, 2), DATA_HASH), 'dada'), `objects/${DATA_HASH.slice(0, 2)}/${DATA_HASH}`, 'differs from the fingerprint'],
    ['a damaged log', (folder) => writeFileSync(join(folder, 'runs/run-done/events.log'), readFileSync(join(folder, 'runs/run-done/events.log'), 'utf8').replace('"firstStep":0', '"firstStep":1')), 'runs/run-done/events.log', 'line 2'],
    ['a shortened log', (folder) => writeFileSync(join(folder, 'runs/run-done/events.log'), readFileSync(join(folder, 'runs/run-done/events.log')).subarray(0, 200)), 'runs/run-done/events.log', 'ends at byte'],
    ['a changed study', (folder) => writeFileSync(join(folder, 'studies/study-1.json'), readFileSync(join(folder, 'studies/study-1.json'), 'utf8').replace('grid', 'gird')), 'studies/study-1.json', 'differs'],
    ['a study without row', (folder) => writeFileSync(join(folder, 'studies/study-2.json'), '{}'), 'studies/study-2.json', 'does not have'],
    ['a gap in a series', (folder) => edit(folder, "DELETE FROM series WHERE run = (SELECT id FROM runs WHERE run_id = 'run-half') AND key = (SELECT key_id FROM keys WHERE name = 'train.loss')"), 'runs/run-half', 'has 0 points, but 3 were logged. `reprise workspace rebuild`'],
    ['a series out of order', (folder) => edit(folder, "UPDATE series SET last_step = 5 WHERE run = (SELECT id FROM runs WHERE run_id = 'run-half')"), 'runs/run-half', 'is out of order. `reprise workspace rebuild`'],
  ];
  it.each(harms)('names %s', async (_name, harm, path, message) => {
    const folder = await closedWorkspace();
    harm(folder);
    const problems = await checkWorkspace(folder);
    expect(problems).toContainEqual({ path: join(folder, path), message: expect.stringContaining(message) as string });
    // A rebuild is advised only where it mends the problem.
    const mends = problems.every((problem) => /rebuild` (?:takes|reads|makes)/u.test(problem.message));
    if (mends) {
      await rebuildWorkspace(folder);
      expect(await checkWorkspace(folder)).toEqual([]);
    }
  });
});

function edit(folder: string, sql: string): void {
  const database = new Sqlite(join(folder, 'reprise.db'));
  database.exec(sql);
  database.close();
}

const LOSS_AND_ACCURACY =
  "(SELECT run, split, step, epoch, max(CASE metric WHEN 'loss' THEN value END) AS loss, max(CASE metric WHEN 'accuracy' THEN value END) AS accuracy FROM new.metrics GROUP BY run, split, step)";

/** Makes a workspace's database again as an earlier version of Reprise had it, and removes what that one did not write. */
function asSchema(folder: string, version: 1 | 2 | 3 | 4): void {
  const file = join(folder, 'reprise.db');
  const old = new Sqlite(join(folder, 'old.db'));
  migrate(old, join(folder, 'old.db'), MIGRATIONS.slice(0, version));
  const now = new Sqlite(file, { readonly: true });
  old.exec(`ATTACH '${file}' AS new`);
  old.pragma('foreign_keys = OFF');
  const tables = old.prepare<[], { name: string }>("SELECT name FROM main.sqlite_schema WHERE type = 'table'").all().map(({ name }) => name);
  for (const name of tables) {
    if ((name === 'series' && version < 3) || name === 'old_series') continue;
    const columns = (old.pragma(`main.table_info(${name})`) as { name: string }[]).map((column) => column.name);
    const isOfRun = columns.includes('run_id') && name !== 'runs';
    const sources = columns.map((column) => (isOfRun && column === 'run_id' ? 'runs.run_id' : `it.${column}`));
    old.exec(`INSERT OR REPLACE INTO main.${name} (${columns.join(', ')}) SELECT ${sources.join(', ')} FROM ${name === 'metrics' && version < 4 ? LOSS_AND_ACCURACY : `new.${name}`} AS it ${isOfRun ? 'JOIN new.runs AS runs ON runs.id = it.run' : ''}`);
  }
  if (version < 3) copySeries(old, now);
  now.close();
  old.exec('DETACH new');
  old.close();
  for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
  cpSync(join(folder, 'old.db'), file);
  rmSync(join(folder, 'old.db'));
  if (version < 3) rmSync(join(folder, 'experiments'), { recursive: true });
}

function copySeries(old: Sqlite.Database, now: Sqlite.Database): void {
  const put = old.prepare('INSERT INTO series (run_id, key, block, first_step, last_step, points, steps, vals) VALUES (?, ?, 0, ?, ?, ?, ?, ?)');
  const series = new SeriesTable(now);
  const keys = "SELECT run, key, run_id, keys.name FROM latest JOIN runs ON runs.id = run JOIN keys ON key_id = key WHERE keys.name IN ('train.loss', 'train.learningRate')";
  for (const { run, key, run_id: runId, name } of now.prepare<[], { run: number; key: number; run_id: string; name: string }>(keys).all()) {
    const { steps, values } = series.read(run, key);
    put.run(runId, name, steps[0], steps.at(-1), steps.length, Buffer.from(steps.buffer), Buffer.from(values.buffer));
  }
}

describe('schema', () => {
  it('of a newer Reprise is refused by name and not touched', async () => {
    const folder = await closedWorkspace();
    edit(folder, 'PRAGMA user_version = 99');
    const before = contentOf(folder);
    for (const mode of ['host', 'reader'] as const) {
      await expect(openStore(folder, { mode })).rejects.toMatchObject({ code: 'STORE_TOO_NEW', kind: 'input', message: expect.stringContaining('99') as string });
    }
    const after = contentOf(folder);
    for (const [path, hash] of Object.entries(before)) expect(after[path]).toBe(hash);
    expect(Object.keys(after).filter((path) => !(path in before) && !/reprise\.db-(wal|shm)$/.test(path))).toEqual([]);
  });

  it('is brought up to date step by step, after a copy, and not half when a step fails', () => {
    const file = join(temporaryFolder(), 'x.db');
    const known = MIGRATIONS.length;
    const next = { version: known + 1, sql: 'ALTER TABLE studies ADD COLUMN extra TEXT' };
    const broken = { version: known + 2, sql: 'CREATE TABLE fine (a); CREATE TABLE studies (a)' };
    const database = openDatabase(file, { readonly: false });
    onTestFinished(() => void database.close());
    migrate(database, file);
    database.exec("INSERT INTO studies VALUES ('s', 'e', 1, 'd')");
    expect(() => migrate(database, file, [...MIGRATIONS, next, broken])).toThrow('already exists');
    expect(schemaVersion(database, file, [...MIGRATIONS, next, broken])).toBe(known + 1);
    expect(database.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'fine'").get()).toEqual({ n: 0 });
    expect(database.prepare('SELECT * FROM studies').all()).toEqual([{ study_id: 's', experiment: 'e', created_at: 1, document: 'd', extra: null }]);
    const backup = new Sqlite(`${file}.before-schema-${known + 2}`, { readonly: true });
    expect(backup.pragma('user_version', { simple: true })).toBe(known);
    expect(backup.prepare('SELECT * FROM studies').all()).toEqual([{ study_id: 's', experiment: 'e', created_at: 1, document: 'd' }]);
    backup.close();
    expect(() => migrate(database, file, [...MIGRATIONS, { version: known + 2, sql: '' }])).toThrow('gapless');
    expect(() => schemaVersion(database, file)).toThrow(expect.objectContaining({ code: 'STORE_TOO_NEW' }));
  });

  it.each([1, 2, 3, 4] as const)('of an earlier Reprise (%i) is brought up to date with what manifests and logs say; a reader waits for that', async (version) => {
    const folder = await closedWorkspace();
    const before = await dumpWorkspace(folder);
    expect(before.tables['variants']).toHaveLength(1);
    expect(before.tables['metrics']?.length).toBeGreaterThan(1);
    expect(before.tables['params']?.length).toBeGreaterThan(60);
    asSchema(folder, version);
    await expect(openStore(folder, { mode: 'reader' })).rejects.toMatchObject({ code: 'STORE_TOO_OLD' });
    (await openStore(folder, { mode: 'host' })).close();
    expect(await dumpWorkspace(folder)).toEqual(before);
    expect(await checkWorkspace(folder)).toEqual([]);
    expect(existsSync(join(folder, 'reprise.db.before-schema-5'))).toBe(true);
  });

  it('of an earlier Reprise keeps the curves of a run whose log is gone, and goes on where it was cut off', async () => {
    const folder = await closedWorkspace();
    const before = await dumpWorkspace(folder);
    asSchema(folder, 2);
    const manifest = join(folder, 'runs', 'run-wait', 'run.json');
    const text = readFileSync(manifest, 'utf8');
    rmSync(join(folder, 'runs', 'run-done', 'events.log'));
    writeFileSync(manifest, text.slice(0, 50));
    const store = await openStore(folder, { mode: 'host' });
    expect([...store.series('run-done', 'train.loss').values]).toEqual(before.series['run-done']);
    expect(store.latestMetrics('run-done')).toMatchObject([{ key: 'train.learningRate', points: 10 }, { key: 'train.loss', points: 10 }]);
    expect(store.getRun('run-done')).toMatchObject({ status: 'finished', stepsDone: 10, weightsHash: 'w' });
    expect(store.runData(['run-wait'])[0]?.params).toEqual({});
    store.close();
    writeFileSync(manifest, text);
    const again = await openStore(folder, { mode: 'host' });
    expect(again.runData(['run-wait'])[0]?.params).toMatchObject({ 'model.kind': 'mlp' });
    again.close();
    expect((await dumpWorkspace(folder)).tables['old_series']).toBeUndefined();
  });

  it('of another program is not taken for ours', async () => {
    const folder = temporaryFolder();
    const other = new Sqlite(join(folder, 'reprise.db'));
    other.exec('CREATE TABLE mine (a)');
    other.close();
    await expect(openStore(folder, { mode: 'host' })).rejects.toMatchObject({ code: 'STORE_CORRUPT', message: expect.stringContaining('not made by Reprise') as string });
    expect(readdirSync(folder).filter((name) => !name.startsWith('reprise.db'))).toEqual([]);
  });
});

describe('native binding', () => {
  it('must be named where the runtime cannot load the prebuilt one', async () => {
    const napi = Object.getOwnPropertyDescriptor(process.versions, 'napi');
    const before = process.env['REPRISE_SQLITE_BINDING'];
    Object.defineProperty(process.versions, 'napi', { ...napi, value: '9' });
    delete process.env['REPRISE_SQLITE_BINDING'];
    onTestFinished(() => {
      Object.defineProperty(process.versions, 'napi', napi ?? {});
      if (before !== undefined) process.env['REPRISE_SQLITE_BINDING'] = before;
    });
    await expect(openStore(temporaryFolder(), { mode: 'host' })).rejects.toMatchObject({ code: 'SQLITE_BINDING_MISSING', kind: 'system' });
  });
});

describe('network file systems', () => {
  const mounts = [
    '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '30 27 0:40 / /home rw shared:5 master:2 - nfs4 server:/home rw,vers=4.2',
    '31 30 0:41 / /home/me/local\\040disk rw - xfs /dev/sdb rw',
    '32 27 0:42 / /mnt/share rw - cifs //server/share rw',
  ].join('\n');
  it.each([
    ['/work/x', 'ext4', false],
    ['/home/me', 'nfs4', true],
    ['/home', 'nfs4', true],
    ['/homely', 'ext4', false],
    ['/home/me/local disk/w', 'xfs', false],
    ['/mnt/share/w', 'cifs', true],
  ])('%s lies on %s', (path, type, network) => {
    expect(fileSystemType(mounts, path)).toBe(type);
    expect(isNetworkType(type)).toBe(network);
  });
});
