import { beforeEach, describe, expect, it, vi } from 'vitest';
import { setLeaf } from '../../../src/ablation/edit';
import { fieldsOf, type Field } from '../../../src/config/fields';
import { sortProblems } from '../../../renderer/views/ablation/problems';
import { readSeeds } from '../../../renderer/views/ablation/seeds';
import { cellSentence, cellWords, countsOf, rowMeans, stateLine, unfinished, type StudyCell } from '../../../renderer/views/ablation/study-words';
import type { RunView } from '../../../src/api/rows';
import type { StudyView } from '../../../src/api/views';

describe('sortProblems', () => {
  const leaves = ['model.kind', 'model.hidden', 'training.learningRate'];
  it('puts each problem beside the control it is about', () => {
    const sorted = sortProblems(
      [
        { path: 'experiment', message: 'is empty' },
        { path: 'baseline.model.hidden[1]', message: 'is 0' },
        { path: 'baseline.training.learningRate', message: 'is missing' },
        { path: 'baseline.model', message: 'is missing' },
        { path: 'factors[2].levels[1]', message: 'equals the baseline' },
        { path: 'factors[2].levels[1].set.x', message: 'overlaps' },
        { path: 'factors[2].path', message: 'is "seed"' },
        { path: 'factors', message: 'must have at least 1 entry' },
        { path: 'seeds[1]', message: 'listed twice' },
        { path: 'seeds', message: 'is missing' },
        { path: 'baseline.training', message: 'is 3' },
        { path: 'nonsense', message: 'is an unknown key' },
      ],
      leaves,
    );
    expect([...sorted.leaves]).toEqual([['model.hidden', ['is 0']], ['training.learningRate', ['is missing']], ['model.kind', ['is missing']]]);
    expect(sorted.factors.get(2)).toEqual({ own: ['is "seed"'], levels: new Map([[1, 'equals the baseline; overlaps']]) });
    expect(sorted.seeds).toEqual({ own: ['is missing'], levels: new Map([[1, 'listed twice']]) });
    expect([...sorted.study]).toEqual([['experiment', ['is empty']], ['factors', ['must have at least 1 entry']]]);
    expect(sorted.others).toEqual(['baseline.training is 3', 'nonsense is an unknown key']);
  });
});

describe('readSeeds', () => {
  it('reads seeds and ranges, and refuses what is none', () => {
    expect(readSeeds('3')).toEqual({ ok: true, value: [3] });
    expect(readSeeds('0–4')).toEqual({ ok: true, value: [0, 1, 2, 3, 4] });
    expect(readSeeds('1, 2 7-8')).toEqual({ ok: true, value: [1, 2, 7, 8] });
    for (const text of ['x', '-1', '1.5', '4294967296', '4-2', '0-5000']) expect(readSeeds(text), text).toMatchObject({ ok: false });
  });
});

const run = (status: RunView['status'], stepsDone = 0): RunView => ({ status, stepsDone, totalSteps: 200, studyId: 's' }) as RunView;
const cell = (seed: number, status: RunView['status'] | null, value: number | null = null, stepsDone = 0): StudyCell => ({ seed, run: status === null ? null : run(status, stepsDone), reused: false, value });

describe('a study in words', () => {
  it('says what a cell does in the fewest words, and in full', () => {
    expect(cellWords(cell(1, 'finished', 0.97134), 'accuracy')).toBe('0.9713');
    expect(cellWords(cell(1, 'finished', 0.97134), 'loss')).toBe('0.9713');
    expect(cellWords(cell(1, 'running', null, 85), 'accuracy')).toBe('42 %');
    expect(cellWords(cell(1, null), 'accuracy')).toBe('missing');
    expect(cellSentence({ ...cell(3, 'finished', 0.5), reused: true }, 'sgd', 'accuracy')).toBe('sgd, seed 3: done, accuracy 0.5000, from an earlier run');
    expect(cellSentence(cell(3, 'failed'), 'sgd', 'accuracy')).toBe('sgd, seed 3: failed');
  });
  it('gives a mean with its interval, and n beside it', () => {
    // t(0.975, 2) = 4.3027; sd of 0.96, 0.97, 0.98 is 0.01: half = 4.3027 × 0.01 / √3 = 0.0248.
    const three = { cells: [cell(0, 'finished', 0.96), cell(1, 'finished', 0.97), cell(2, 'finished', 0.98), cell(3, 'running')] };
    expect(rowMeans([three])).toEqual([{ text: '0.970 ± 0.025', n: 3 }]);
    // Lined up on the decimal points: spaces as wide as a digit.
    const one = { cells: [cell(0, 'finished', 12.5)] };
    expect(rowMeans([three, one, { cells: [cell(0, 'failed'), cell(1, 'finished', Number.NaN)] }])).toEqual([
      { text: '\u20070.970 ± 0.025', n: 3 },
      { text: '12.500', n: 1 },
      { text: null, n: 0 },
    ]);
  });
  it('counts its cells and tells what is left', () => {
    const study = { variants: 2, seeds: 3, paused: false, matrix: [{ cells: [cell(0, 'finished'), cell(1, 'running'), cell(2, 'queued')] }, { cells: [cell(0, 'finished'), cell(1, 'failed'), cell(2, null)] }] } as unknown as StudyView;
    const counts = countsOf(study);
    expect(counts).toMatchObject({ byStatus: { finished: 2, running: 1, queued: 1, failed: 1 }, missing: 1 });
    expect(unfinished(counts)).toBe(2);
    expect(stateLine(counts, 19)).toBe('2 of 6 done, 1 running, 1 failed, 1 missing, ≈ 20 s left');
    expect(stateLine({ ...counts, paused: true }, 19)).toBe('Paused: 2 of 6 done, 1 running, 1 failed, 1 missing');
  });
});

describe('the draft', () => {
  // The window's bridge is asked for when the module is read; here nothing is saved.
  vi.stubGlobal('window', { reprise: { shell: {} } });
  const storage = new Map<string, string>();
  vi.stubGlobal('localStorage', { getItem: (key: string) => storage.get(key) ?? null, setItem: (key: string, value: string) => storage.set(key, value), removeItem: (key: string) => storage.delete(key) });
  const drafts = import('../../../renderer/views/ablation/draft');
  const field = (path: string): Field => fieldsOf({}).find((candidate) => candidate.path === path) as Field;

  beforeEach(async () => {
    const { useDraft, newDraft } = await drafts;
    useDraft.setState({ draft: null });
    newDraft();
  });

  it('undoes and redoes over form and text in one line', async () => {
    const { change, setText, undo, redo, useDraft, TYPED } = await drafts;
    const text = (): string => useDraft.getState().draft?.text ?? '';
    const first = text();
    change('training.epochs', (source, input) => setLeaf(source, input, field('training.epochs'), 3));
    const second = text();
    expect(second).toBe(first.replace('epochs: 10', 'epochs: 3'));
    setText(`${second}# typed`, TYPED);
    setText(`${second}# typed on`, TYPED);
    undo();
    expect(text()).toBe(second);
    undo();
    expect(text()).toBe(first);
    undo();
    expect(text()).toBe(first);
    redo();
    redo();
    expect(text()).toBe(`${second}# typed on`);
    undo();
    setText(`${second}# other`, TYPED);
    redo();
    expect(text()).toBe(`${second}# other`);
  });
  it('keeps steps of their own apart, and leaves a broken text alone', async () => {
    const { change, setText, undo, useDraft } = await drafts;
    const text = (): string => useDraft.getState().draft?.text ?? '';
    setText('a: 1\n', null);
    setText('a: 2\n', null);
    undo();
    expect(text()).toBe('a: 1\n');
    setText('a: [', null);
    change('a', () => 'never');
    expect(text()).toBe('a: [');
  });
  it('keeps an unsaved draft behind the next one', async () => {
    const { setText, newDraft, bringBack, isDirty, useDraft, openDraft } = await drafts;
    setText('experiment: precious\n', null);
    newDraft();
    expect(useDraft.getState().draft?.replaced?.text).toBe('experiment: precious\n');
    bringBack();
    expect(useDraft.getState().draft).toMatchObject({ text: 'experiment: precious\n', replaced: null });
    openDraft({ text: 'experiment: other\nbaseline: {}\n', path: '/x/other.yaml', folder: '/x' });
    const { draft } = useDraft.getState();
    expect(draft).toMatchObject({ path: '/x/other.yaml' });
    expect(draft !== null && isDirty(draft)).toBe(false);
  });
  it('outlives its window while it is unsaved', async () => {
    const { setText, newDraft, useDraft } = await drafts;
    expect([...storage.values()]).toEqual([]);
    setText('experiment: precious\n', null);
    newDraft();
    vi.resetModules();
    const next = await import('../../../renderer/views/ablation/draft');
    const { draft } = next.useDraft.getState();
    expect(draft).toMatchObject({ text: 'experiment: precious\n', path: null, folder: null });
    expect(draft !== null && next.isDirty(draft)).toBe(true);
    useDraft.setState({ draft: null });
    expect([...storage.values()]).toEqual([]);
  });
  it('builds a study around a single config and never writes over that', async () => {
    const { openDraft, useDraft } = await drafts;
    openDraft({ text: 'model: { kind: mlp }\ntraining: { learningRate: 0.1, batchSize: 8 }\ndata: { kind: mnist }\nseed: 1\n', path: '/x/config.yaml', folder: '/x' });
    expect(useDraft.getState().draft).toMatchObject({ path: null, folder: '/x', text: expect.stringContaining('baseline:\n  model: { kind: mlp }') });
  });
});
