/** Secrets planted wherever people leave them: none reaches the store, a bundle or a report, and the run says that something is missing. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { extractBundle } from '../../src/bundle/open';
import { ask, engineOn, printed, Project, python, runOnce } from '../helpers/commands';

/** Random to look at, the same in every run of the test, and nowhere in this file. */
const random = (name: string, length: number, encoding: 'hex' | 'base64url' = 'hex'): string => createHash('sha512').update(name).digest(encoding).replaceAll(/[-_]/gu, 'x').slice(0, length);

/** Where → what. */
const SECRETS = {
  trackedPython: random('a', 40, 'base64url'),
  trackedYaml: `p${random('b', 14)}`,
  trackedJson: random('c', 36, 'base64url'),
  trackedNotebook: `sk${'-'}proj-${random('d', 44, 'base64url')}`,
  trackedKey: random('e', 64, 'base64url'),
  trackedToml: `npm${'_'}${random('f', 36)}`,
  changedHunk: `gh${'p_'}${random('g', 36)}`,
  removedHunk: `hf${'_'}${random('h', 34)}`,
  stagedFile: `glpat${'-'}${random('i', 22)}`,
  untrackedScript: `xoxb${'-'}${random('j', 30)}`,
  untrackedEnv: random('k', 20),
  untrackedNetrc: random('l', 18),
  untrackedCredentials: random('m', 24),
  untrackedKube: `LS0tLS1CRUdJTi${'BSU0E'}${random('n', 60, 'base64url')}`,
  untrackedUrl: `q${random('o', 15)}`,
  untrackedPem: random('p', 64, 'base64url'),
  remoteUrl: `w${random('q', 21)}`,
  secondRemote: `v${random('r', 17)}`,
  submoduleRemote: `u${random('s', 17)}`,
  variable: random('t', 32),
  recordedVariable: `r${random('u', 16)}`,
  printedHeader: random('v', 36),
  printedPassword: `z${random('w', 14)}9`,
  printedJwt: `eyJ${random('x', 20, 'base64url')}.eyJ${random('y', 30, 'base64url')}.${random('z', 40, 'base64url')}`,
  printedKey: random('ab', 64, 'base64url'),
  printedError: `AKIA${'I'}${random('ac', 15).toUpperCase()}`,
  printedAlone: `AIza${random('ad', 35, 'base64url')}`,
} as const;
type Place = keyof typeof SECRETS;
const S = SECRETS;

function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(file);
    else if (entry.isFile()) yield file;
  }
}

/** Which secrets stand anywhere below a folder: as they are, or in base64 at any of the three offsets. */
function leaksIn(folder: string): string[] {
  const found: string[] = [];
  for (const file of filesBelow(folder)) {
    const bytes = readFileSync(file);
    for (const [place, secret] of Object.entries(SECRETS)) {
      const forms = [secret, ...[0, 1, 2].map((shift) => Buffer.from(`${'~'.repeat(shift)}${secret}`).toString('base64').slice(shift === 0 ? 0 : 4, -4))];
      if (forms.some((form) => bytes.includes(form))) found.push(`${place} in ${file.slice(folder.length)}`);
    }
  }
  return found;
}

const pem = (body: string): string => `-----BEGIN RSA ${'PRIVATE KEY'}-----\n${body}\n-----END RSA ${'PRIVATE KEY'}-----\n`;

function plant(): Project {
  const project = new Project({
    'train.py': 'import os\nprint("start")\n',
    'client.py': `import x\nx.connect(api_key="${S.trackedPython}")\n`,
    'conf/db.yaml': `db:\n  user: me\n  password: ${S.trackedYaml}\n`,
    'conf/app.json': JSON.stringify({ clientSecret: S.trackedJson }),
    'notes.ipynb': JSON.stringify({ cells: [{ cell_type: 'code', source: [`client = OpenAI(api_key="${S.trackedNotebook}")\n`] }] }),
    'deploy/host': pem(S.trackedKey),
    'settings.toml': `[registry]\ntoken = "${S.trackedToml}"\n`,
    'changed.py': `a = 1\n${'#\n'.repeat(20)}b = 2\n`,
    'removed.py': `login("${S.removedHunk}")\n`,
    'safe.py': 'learning_rate = 0.1\ntoken = tokenizer(text)\n',
  });
  const git = (...args: string[]): void => void execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'protocol.file.allow=always', ...args], { cwd: project.folder, stdio: 'pipe' });
  project.commit();
  const inner = mkdtempSync(join(tmpdir(), 'reprise-inner-'));
  onTestFinished(() => rmSync(inner, { recursive: true, force: true }));
  for (const args of [['init', '-q'], ['-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'c']]) execFileSync('git', args, { cwd: inner, stdio: 'pipe' });
  git('submodule', '--quiet', 'add', inner, 'lib');
  execFileSync('git', ['remote', 'set-url', 'origin', `https://x:${S.submoduleRemote}@git.example.org/lib.git`], { cwd: join(project.folder, 'lib'), stdio: 'pipe' });
  git('remote', 'add', 'origin', `https://oauth2:${S.remoteUrl}@git.example.org/me/code.git`);
  git('remote', 'add', 'backup', `https://${S.secondRemote}@git.example.org/me/backup.git?token=${S.secondRemote}`);
  project.write('changed.py', `a = 3\n${'#\n'.repeat(20)}b = connect("${S.changedHunk}")\n`);
  project.write('removed.py', 'login()\n');
  project.write('staged.py', `t = "${S.stagedFile}"\n`);
  git('add', 'staged.py');
  project.write('bot.py', `post("${S.untrackedScript}")\n`);
  project.write('.env', `DB_PASSWORD=${S.untrackedEnv}\n`);
  project.write('.netrc', `machine example.org login me password ${S.untrackedNetrc}\n`);
  project.write('credentials.json', JSON.stringify({ value: S.untrackedCredentials }));
  project.write('cluster.yaml', `users:\n- name: a\n  user:\n    client-key-data: ${S.untrackedKube}\n`);
  project.write('urls.txt', `postgres://me:${S.untrackedUrl}@db.example.org/x\n`);
  project.write('server.pem', pem(S.untrackedPem));
  project.write('new.py', 'x = 1\n');
  // What is printed comes from the environment, so that the program itself is as clean as it should be.
  project.write(
    'train.py',
    [
      'import base64, json, os, sys',
      'say = {name: base64.b64decode(value).decode()[::-1] for name, value in json.loads(os.environ["PLANTED"]).items()}',
      'print("Authorization: Bearer " + say["printedHeader"])',
      'print(json.dumps({"step": 1, "loss": 0.5}))',
      'print("connecting with password=" + say["printedPassword"], flush=True)',
      'print("cookie " + say["printedJwt"])',
      'print("-----BEGIN " + "PRIVATE KEY-----\\n" + say["printedKey"] + "\\n-----END " + "PRIVATE KEY-----")',
      'print("last words: " + say["printedAlone"])',
      'raise SystemExit("denied for " + say["printedError"])',
      '',
    ].join('\n'),
  );
  return project;
}

describe('planted secrets', () => {
  it('reach neither store nor bundle nor report, and the run says so', async () => {
    expect(Object.keys(SECRETS).length).toBeGreaterThanOrEqual(20);
    expect(new Set(Object.values(SECRETS)).size).toBe(Object.keys(SECRETS).length);
    const project = plant();
    const printedPlaces = (Object.keys(SECRETS) as Place[]).filter((place) => place.startsWith('printed'));
    // Backwards in base64: how the program gets them must not look like what it prints.
    process.env['PLANTED'] = JSON.stringify(Object.fromEntries(printedPlaces.map((place) => [place, Buffer.from([...SECRETS[place]].toReversed().join('')).toString('base64')])));
    process.env['COMET_API_KEY'] = S.variable;
    process.env['XLA_FLAGS'] = `--xla_dump=redis://:${S.recordedVariable}@cache`;
    onTestFinished(() => {
      for (const name of ['PLANTED', 'COMET_API_KEY', 'XLA_FLAGS']) delete process.env[name];
    });
    const engine = await engineOn(project.workspace);
    const config = project.config({ experiment: 'leaky', task: { command: [python, 'train.py'] } });
    const { run } = await runOnce(engine, config);
    expect(run).toMatchObject({ status: 'failed', exitCode: 1 });
    const output = printed(project.workspace, run.runId);
    // The program did print them.
    expect(output).toContain('Authorization: Bearer [withheld: an authorization header]');
    expect(output).toContain('last words: [withheld: a Google key]');
    expect(printed(project.workspace, run.runId, 'stderr').join('\n')).toContain('denied for [withheld: an AWS key]');
    // A second run that ends well makes something to export.
    project.write('ok.py', 'print("fine")\n');
    const { run: good } = await runOnce(engine, project.config({ experiment: 'leaky', task: { command: [python, 'ok.py'] } }));
    expect(good.status).toBe('finished');

    const { provenance } = await ask(engine, 'runs.details', { run: run.runId });
    const notes = provenance.find(({ title }) => title === 'Not captured')?.items.map(({ value }) => value).join('\n') ?? '';
    for (const name of ['client.py', 'conf/db.yaml', 'conf/app.json', 'notes.ipynb', 'deploy/host', 'settings.toml', 'staged.py', 'bot.py', '.env', '.netrc', 'credentials.json', 'cluster.yaml', 'urls.txt', 'server.pem', 'changed.py']) expect(notes, name).toContain(name);
    expect(notes).toContain('The capture of the code is incomplete');
    expect(notes).toContain('The patch is incomplete');
    const score = await ask(engine, 'runs.score', { target: run.runId });
    expect(score.facts.find(({ id }) => id === 'code.secrets')).toMatchObject({ state: 'bad', fix: expect.any(String) as string });
    const patch = provenance.find(({ title }) => title === 'Code')?.items.find(({ name }) => name === 'Patch')?.value ?? '';
    expect(patch).toContain('+a = 3');

    const folder = mkdtempSync(join(tmpdir(), 'reprise-leaks-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const format of ['md', 'html'] as const) await ask(engine, 'report.write', { target: 'leaky', format, out: join(folder, `report.${format}`) });
    const bundle = join(folder, 'leaky.crate.zip');
    await ask(engine, 'bundle.export', { target: good.runId, out: bundle, license: 'MIT', calibrate: false });
    await extractBundle(bundle, join(folder, 'bundle'));
    await engine.close();
    expect(leaksIn(project.workspace)).toEqual([]);
    expect(leaksIn(folder)).toEqual([]);
    // What is looked for is found where it is, but for what only git's compressed objects, the environment and the output held.
    expect(new Set(leaksIn(project.folder).map((leak) => leak.split(' ')[0])).size).toBe((Object.keys(SECRETS) as Place[]).filter((place) => !/^(?:removed|variable|recorded|printed)/u.test(place)).length);
    const stored = [...filesBelow(join(project.workspace, 'objects'))].map((file) => readFileSync(file, 'utf8'));
    expect(stored).toContain('learning_rate = 0.1\ntoken = tokenizer(text)\n');
    expect(stored).toContain('x = 1\n');
  }, 120_000);

  it('in a config let nothing start', async () => {
    const project = new Project({ 'x.py': '' });
    const engine = await engineOn(project.workspace);
    const secret = random('config', 24);
    for (const [task, params, path] of [
      [{ command: [python, 'x.py', '--password', secret] }, {}, 'task.command.3'],
      [{ command: [python, 'x.py', `--api-key=${secret}`] }, {}, 'task.command.2'],
      [{ command: ['true'], env: { MY_SECRET: secret } }, {}, 'task.env.MY_SECRET'],
      [{ command: ['true'] }, { db: { password: secret } }, 'params.db.password'],
      [{ command: { shell: 'sh', script: `curl -H "Authorization: Bearer ${secret}" example.org` } }, {}, 'task.command.script'],
    ] as const) {
      const answer = await engine.call('runs.start', { config: project.config({ task, params }) });
      expect(answer).toMatchObject({ ok: false, error: { code: 'CONFIG_HOLDS_SECRET', problems: [{ path }] } });
      expect(JSON.stringify(answer)).not.toContain(secret);
    }
    expect(await ask(engine, 'runs.list', {})).toEqual([]);
    expect([...filesBelow(project.workspace)].filter((file) => readFileSync(file).includes(secret))).toEqual([]);
    // A variable that is not in the config is passed on; a parameter that only sounds like one is none.
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'x.py', '--pad_token', '{pad_token}'] }, params: { pad_token: '[PAD]', max_tokens: 4096 } }));
    expect(run.status).toBe('finished');
  }, 60_000);
});
