/** Commands in containers of a real Docker Engine: what they see, what becomes of them, and what is true of it afterwards. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cliJson, startCli } from '../helpers/cli';
import { ask, engineOn, look, outputOf, printed, Project, recordsOf, runOnce, until } from '../helpers/commands';
import { DockerEngine, noDocker } from '../helpers/engines/docker';

let docker: DockerEngine;
if (noDocker === null) {
  beforeAll(async () => {
    docker = await DockerEngine.start();
    await docker.image('box:1');
  });
  afterAll(() => docker.stop());
}

const box = { kind: 'docker', image: 'box:1' } as const;
const script = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;
const placesOf = (project: Project, runId: string) => recordsOf(project.workspace, runId).flatMap((record) => (record.type === 'place' ? [record] : []));
const messagesOf = (project: Project, runId: string): string[] => recordsOf(project.workspace, runId).flatMap((record) => (record.type === 'message' ? [record.text] : []));

describe.skipIf(noDocker !== null)(`a command in a container${noDocker === null ? '' : ` (${noDocker})`}`, () => {
  it('sees the code as it was captured, its inputs read-only, what it is told, and no network', async () => {
    const nasty = 'two\nlines of $(touch /tmp/owned) `id` "quotes" \'and\' more';
    const project = new Project({
      'train.sh': script(
        'cat data/rows.csv notes.txt',
        'printf "%s" "$NASTY" > nasty.txt',
        'echo "{\\"step\\": 1, \\"loss\\": 0.5}"; echo "a word of warning" >&2',
        'echo "{\\"accuracy\\": 0.75}" >> "$REPRISE_METRICS"',
        'touch data/new 2>/dev/null && echo "inputs can be written"',
        'touch "$HOME/cache" && echo "home can be written"',
        'ls /sys/class/net | tr "\\n" " "; echo; id -u; echo "its secret is $TOKEN of $(printf %s "$TOKEN" | wc -c)"',
        'mkdir -p out && echo weights > out/model.bin',
      ),
      'data/rows.csv': 'row\n',
    });
    project.write('.gitignore', 'data\n');
    project.commit();
    project.write('notes.txt', 'not committed\n');
    vi.stubEnv('TOKEN', 's3cr3t-value-of-a-token');
    const engine = await engineOn(project.workspace);
    const config = project.config({
      experiment: 'Größe "quoted" & $(spaced) 実験',
      executor: { ...box, secrets: ['TOKEN'], env: { NASTY: nasty }, memory: '256m', ulimits: { nofile: 512 } },
      task: { command: ['sh', 'train.sh'], inputs: ['data'], outputs: ['out', 'nasty.txt'] },
    });
    const { run } = await runOnce(engine, config);
    vi.unstubAllEnvs();
    expect(run).toMatchObject({ status: 'finished', exitCode: 0, attempts: 1, errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['row', 'not committed', '{"step": 1, "loss": 0.5}', 'home can be written', 'lo ', String(process.getuid?.()), 'its secret is [withheld: a secret] of 23']);
    expect(printed(project.workspace, run.runId, 'stderr')).toEqual(['a word of warning']);
    expect(await look(project.workspace, (store) => store.latestMetrics(run.runId).map(({ key, value }) => [key, value]))).toEqual(expect.arrayContaining([['loss', 0.5], ['accuracy', 0.75]]));
    const files = recordsOf(project.workspace, run.runId).flatMap((record) => (record.type === 'file' ? [record] : []));
    expect(files.map(({ path }) => path).sort()).toEqual(['nasty.txt', 'out/model.bin']);
    const sha256 = files.find(({ path }) => path === 'nasty.txt')?.sha256 ?? '';
    expect(readFileSync(join(project.workspace, 'objects', sha256.slice(0, 2), sha256), 'utf8')).toBe(nasty);
    // Nothing is left there, and nothing of the secret anywhere.
    expect(await docker.containers()).toEqual([]);
    expect(filesWith(project.workspace, 's3cr3t-value-of-a-token')).toEqual([]);
    expect(placesOf(project, run.runId).map(({ event }) => event)).toEqual(['submitted', 'started', 'ended', 'collected']);
  }, 30_000);

  it('runs in the folder and with the volumes, variables and image that the page of NeMo Run shows', async () => {
    await docker.image('pytorch/pytorch:2.0.0-cuda11.7-cudnn8-runtime');
    const project = new Project({ 'train.sh': script('cat /workspace/data/a.txt; touch /workspace/models/new && echo models; touch /workspace/data/b 2>/dev/null || echo "data is read-only"; echo "$PYTHONPATH $CUDA_VISIBLE_DEVICES"') });
    project.write('data/a.txt', 'a\n');
    project.write('models/.keep', '');
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(
      engine,
      project.config({
        executor: { kind: 'docker', image: 'pytorch/pytorch:2.0.0-cuda11.7-cudnn8-runtime', env: { PYTHONPATH: '/workspace', CUDA_VISIBLE_DEVICES: '0,1,2,3' }, volumes: [`${project.folder}/data:/workspace/data`, './models:/workspace/models:rw'] },
        task: { command: ['sh', 'train.sh'] },
      }),
    );
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['a', 'models', 'data is read-only', '/workspace 0,1,2,3']);
    expect(readdirSync(join(project.folder, 'models'))).toContain('new');
  }, 30_000);
});

/** Files below a folder that have a text. */
function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
}
void [cliJson, startCli, ask, outputOf, messagesOf, until, statSync];
