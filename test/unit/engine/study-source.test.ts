import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStudy } from '../../../src/engine/inputs';
import { temporaryFolder } from '../store/sample';

const text = (baseline: string, levels = '[0.01]'): string => `experiment: text
seeds: [1]
factors: [{ path: training.learningRate, levels: ${levels} }]
baseline: ${baseline}
`;
const INLINE = '{ model: { kind: mlp, hidden: [8] }, training: { learningRate: 0.1, batchSize: 32, epochs: 2 }, data: { kind: spirals } }';
const csv = (path: string): string => `{ model: { kind: mlp, hidden: [8] }, training: { learningRate: 0.1, batchSize: 32 }, data: { kind: csv, path: ${JSON.stringify(path)}, target: y } }`;

describe('a study that is being edited', () => {
  it('is the same as the file it would be', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'study.yaml');
    writeFileSync(file, text('base.yaml'));
    writeFileSync(join(folder, 'base.yaml'), INLINE);
    const read = await readStudy({ text: text('base.yaml'), folder });
    expect(read).toEqual(await readStudy(file));
    expect(read).toMatchObject({ folder, codeFolder: folder });
    expect((await readStudy({ text: text(INLINE), folder: null })).study).toEqual(read.study);
    expect(await readStudy({ text: text(INLINE), folder: null })).toMatchObject({ codeFolder: null });
  });

  it('has the same problems at the same places', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'study.yaml');
    writeFileSync(file, text(INLINE, '[fast]'));
    const refusal = async (source: Parameters<typeof readStudy>[0]): Promise<unknown> => readStudy(source).then(() => null, (error: unknown) => error);
    const problems = (await refusal(file)) as { problems: unknown };
    expect(problems.problems).toHaveLength(1);
    expect(await refusal({ text: text(INLINE, '[fast]'), folder: null })).toMatchObject({ code: 'STUDY_INVALID', problems: problems.problems });
    expect(await refusal({ text: 'a: [', folder: null })).toMatchObject({ code: 'YAML_INVALID', kind: 'input' });
  });

  it('without a folder names no file by a relative path', async () => {
    const folder = temporaryFolder();
    const missing = { code: 'STUDY_INVALID', kind: 'input' };
    await expect(readStudy({ text: text('base.yaml'), folder: null })).rejects.toMatchObject({ ...missing, problems: [{ path: 'baseline', message: expect.stringContaining('"base.yaml", a relative path') as string }] });
    await expect(readStudy({ text: text(csv('a/b.csv')), folder: null })).rejects.toMatchObject({ ...missing, problems: [{ path: 'baseline.data.path', message: expect.stringContaining('save the study first') as string }] });
    expect((await readStudy({ text: text(csv('a/b.csv')), folder })).folder).toBe(folder);
    expect((await readStudy({ text: text(csv(join(folder, 'b.csv'))), folder: null })).codeFolder).toBeNull();
    writeFileSync(join(folder, 'base.yaml'), INLINE);
    expect((await readStudy({ text: text(join(folder, 'base.yaml')), folder: null })).codeFolder).toBe(folder);
  });
});
