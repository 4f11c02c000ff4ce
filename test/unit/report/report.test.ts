import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseStudy } from '../../../src/ablation/study';
import { parseTrainingConfig } from '../../../src/config/parse';
import { parseYaml } from '../../../src/config/yaml';
import { bashBlocks, escapeMarkdown, heredocDelimiter, markdownFence } from '../../../src/report/escape';
import { renderHtml } from '../../../src/report/html';
import { renderMarkdown } from '../../../src/report/markdown';
import type { ReportModel } from '../../../src/report/model';
import { experimentModel, handStartedModel, runModel } from './model';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'report-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const SECTIONS = [
  'Experiment configuration', 'Model configuration', 'Data configuration', 'Reproducibility parameters', 'Results', 'Training metrics',
  'Reproducibility information', 'Reproduction instructions', 'Validation', 'Notes',
];

/** Runs the blocks as a reader would, with `npm` replaced by a recorder of its arguments. Gives the calls and the files written. */
function execute(markdown: string, env: Record<string, string> = {}): { calls: string[][]; files: (path: string) => string } {
  const log = join(folder, `calls-${Math.floor(performance.now() * 1000)}`);
  const recorder = `npm() { printf '%s\\0' "$@" '' >> ${log}; printf '\\n' >> ${log}; }`;
  execFileSync('bash', ['-c', `set -euo pipefail\n${recorder}\n${bashBlocks(markdown).join('')}`], { env: { ...process.env, TMPDIR: folder, ...env }, encoding: 'utf8' });
  const calls = readFileSync(log, 'utf8').split('\0\0\n').filter((line) => line !== '').map((line) => line.split('\0'));
  const workspace = calls[0]?.[calls[0].indexOf('--workspace') + 1] ?? '';
  return { calls, files: (path) => readFileSync(join(workspace, '..', path), 'utf8') };
}

describe.each([['a run', runModel], ['an experiment', experimentModel]] as const)('the report of %s', (_, make) => {
  it('has every section, in both formats', () => {
    const markdown = renderMarkdown(make());
    const html = renderHtml(make());
    for (const section of SECTIONS) {
      expect(markdown).toMatch(new RegExp(`^##+ ${section}$`, 'mu'));
      expect(html).toMatch(new RegExp(`<h[23][^>]*>${section}</h[23]>`, 'u'));
    }
  });

  it('notes what makes metrics on the data tell less than they seem to', () => {
    const model = make();
    const leaked = { ...model, runs: model.runs.map((run, index) => (index === 0 ? { ...run, dataWarnings: ['The splits are not apart: 2 test examples are also in the training split.'] } : run)) };
    const amount = model.runs.length === 1 ? '' : ` \\(1 of ${model.runs.length} runs\\)`;
    expect(renderMarkdown(leaked)).toMatch(new RegExp(`The splits are not apart: 2 test examples are also in the training split\\.${amount}\\n`, 'u'));
    expect(renderMarkdown(model)).not.toContain('not apart');
  });

  it('gives the same bytes for the same model', () => {
    expect(renderMarkdown(make())).toBe(renderMarkdown(make()));
    expect(renderHtml(make())).toBe(renderHtml(make()));
  });

  it('fetches and runs nothing', () => {
    const html = renderHtml(make());
    expect(html).not.toMatch(/<(?:script|link|img|iframe|object|embed|base|form)\b/iu);
    expect(html).not.toMatch(/\s(?:src|srcset|xlink:href|on\w+)\s*=|url\(|@import/iu);
    for (const [, target] of html.matchAll(/href="([^"]*)"/gu)) expect(target).toMatch(/^#[a-z-]+$/u);
    expect(html).toContain("default-src 'none'");
  });

  it('tells ids, hashes, versions, hardware and git, and no password', () => {
    const model = make();
    const [run] = model.runs;
    for (const text of [renderMarkdown(model), renderHtml(model)]) {
      for (const fact of [run?.row.reproductionId, run?.manifest.provenance.git?.commit, run?.manifest.data.fingerprint, '24.21.0', '1.30.0', 'AMD EPYC 7B13', '2026-11-22 09:30:01 UTC', 'The GPU driver could not be read.']) expect(text).toContain(fact);
      expect(text).not.toContain('secret');
      expect(text).not.toMatch(/undefined|\[object|NaN<|null/u);
    }
    expect(renderMarkdown(model)).toContain(String(run?.row.finalLoss));
  });

  it('shows foreign text as text', () => {
    const evil = '</pre><script>alert("1")</script> | **x** `y` [z](javascript:1)\n# not a heading\n```\nrm -rf\n';
    const model = make();
    const hostile: ReportModel = {
      ...model,
      title: evil,
      config: { ...model.config, description: evil, author: evil, tags: [evil] },
      runs: model.runs.map((run) => ({ ...run, row: { ...run.row, variant: evil, errorMessage: evil }, manifest: { ...run.manifest, provenance: { ...run.manifest.provenance, problems: [evil], cpu: { ...run.manifest.provenance.cpu, model: evil } } } })),
      comparison: model.comparison === null ? null : { ...model.comparison, variants: model.comparison.variants.map((variant) => ({ ...variant, name: evil })) },
    };
    const html = renderHtml(hostile);
    expect(html).not.toContain('<script');
    expect(html.match(/<\/pre>/gu)?.length).toBe(html.match(/<pre\b/gu)?.length);
    const markdown = renderMarkdown(hostile);
    expect(markdown).not.toContain('<script');
    expect(markdown).not.toMatch(/^# not a heading/mu);
    expect(bashBlocks(markdown).join('')).not.toMatch(/^rm -rf/mu);
  });
});

describe('the length of a training', () => {
  const markdownOf = (training: Partial<ReportModel['config']['training']>): string => {
    const model = runModel();
    return renderMarkdown({ ...model, runs: model.runs.map((run) => ({ ...run, manifest: { ...run.manifest, config: { ...run.manifest.config, training: { ...run.manifest.config.training, ...training } } } })) });
  };

  it('tells what early stopping spared, in steps or in epochs', () => {
    expect(markdownOf({})).toContain('- **Training epochs**: 5\n- **Steps**: 1250 of 1250\n');
    const earlyStopping = { patience: 2, minDelta: 0 };
    expect(markdownOf({ epochs: 20, earlyStopping })).toContain('- **Training epochs**: 5 of 20, stopped early\n');
    expect(markdownOf({ epochs: undefined, steps: 4000, earlyStopping })).toContain('- **Steps**: 1250 of 4000, stopped early\n');
  });
});

describe('reproduction instructions', () => {
  it('of a run write the config exactly and run it', () => {
    const model = runModel({ description: "it's `$HOME` $(date) \\ \"q\"\nREPRISE_END\n```\nend" });
    const { calls, files } = execute(renderMarkdown(model));
    expect(files('config.yaml')).toBe(model.configYaml);
    expect(parseTrainingConfig(parseYaml(files('config.yaml'), 'config.yaml'))).toEqual(model.config);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.slice(0, 5)).toEqual(['run', '-s', 'reprise', '--', 'run']);
    expect(calls[0]).toContain('--json');
  });

  it('of an experiment write the study exactly, run it and compare', () => {
    const model = experimentModel({}, "it's $(date)");
    // The first run was reused from another experiment; the instructions must not compare that one.
    const reused = { ...model, runs: model.runs.map((run, index) => (index === 0 ? { ...run, row: { ...run.row, experiment: 'other' } } : run)) };
    const { calls, files } = execute(renderMarkdown(reused));
    expect(files('study.yaml')).toBe(model.study?.yaml);
    expect(parseStudy(parseYaml(files('study.yaml'), 'study.yaml')).baseline).toEqual(model.config);
    expect(calls.map((call) => call[4])).toEqual(['ablate', 'compare']);
    expect(calls[1]?.[5]).toBe("it's $(date)");
  });

  it('of runs started one by one write each config once', () => {
    const { calls, files } = execute(renderMarkdown({ ...experimentModel(), study: null }));
    expect(calls.map((call) => call[4])).toEqual([...Array.from({ length: 15 }, () => 'run'), 'compare']);
    expect(parseTrainingConfig(parseYaml(files('config-5.yaml'), 'x')).model).toMatchObject({ hidden: [32] });
  });

  it.each(['data.csv', "sub dir/it's.csv", '../../up.csv'])('say which file to place and put it where the config looks: %s', (path) => {
    const copy = join(folder, 'mine.csv');
    writeFileSync(copy, 'a,b\n1,2\n');
    const sha256 = execFileSync('sha256sum', [copy], { encoding: 'utf8' }).slice(0, 64);
    const model = { ...runModel({ data: { kind: 'csv', path, target: 'b' } }), dataFiles: [{ path, sha256 }] };
    const markdown = renderMarkdown(model);
    expect(markdown).toContain(sha256);
    const { calls } = execute(markdown, { DATA_FILE: copy });
    const config = calls[0]?.[5] ?? '';
    expect(readFileSync(join(config, '..', path), 'utf8')).toBe('a,b\n1,2\n');
    expect(() => execute(markdown)).toThrow(/DATA_FILE/u);
    writeFileSync(copy, 'changed');
    expect(() => execute(markdown, { DATA_FILE: copy })).toThrow();
  });
});

describe('honesty', () => {
  it('names missing cells, the method and unfinished runs', () => {
    for (const text of [renderMarkdown(experimentModel()), renderHtml(experimentModel())]) {
      expect(text).toContain('narrow, seed 3: failed: the loss became NaN at step 400');
      expect(text).toContain('Bonferroni');
      expect(text).toContain('1 of 15 runs did not finish');
    }
  });

  it('says that curves are sampled', () => {
    expect(renderHtml(runModel())).toContain('1250 steps drawn as 240 points');
  });

  it('renders what has no result at all', () => {
    const model = runModel();
    const [run] = model.runs;
    if (run === undefined) throw new Error('no run');
    const empty = { ...model, runs: [{ ...run, loss: null, metrics: [], row: { ...run.row, status: 'queued' as const, finalLoss: null, bestLoss: null, weightsHash: null, startedAt: null, endedAt: null, stepsDone: 0, totalSteps: null, selectedStep: null } }] };
    expect(renderMarkdown(empty)).toContain('No run finished');
    expect(renderHtml(empty)).toContain('No training loss was recorded');
    const none = { ...experimentModel(), runs: [], comparison: null, study: null };
    expect(renderHtml(none)).toContain('There are no runs');
    expect(renderMarkdown(none)).toContain('No run finished');
  });

  it('says where runs differ in their surroundings', () => {
    const model = experimentModel();
    const runs = model.runs.map((run, index) => (index === 0 ? { ...run, manifest: { ...run.manifest, provenance: { ...run.manifest.provenance, versions: { ...run.manifest.provenance.versions, node: '20.18.0' } } } } : run));
    expect(renderMarkdown({ ...model, runs })).toContain('The runs differ in: node.js');
    expect(renderMarkdown(model)).toContain('All 15 runs had these in common');
  });
});

describe('runs started one by one', () => {
  it('of several configs: the oldest stands as baseline, and the others are listed', () => {
    const markdown = renderMarkdown(handStartedModel(2, [1, 2, 3]));
    expect(markdown).toContain('no study declares a baseline');
    expect(markdown).toContain('so the oldest config stands for it');
    expect(markdown).toMatch(/^### Variants$/mu);
    expect(markdown).toMatch(/^\| model\.dropout=0 \| no dropout \(0\.2 → 0\) \|$/mu);
    expect(markdown).toMatch(/^### Oldest config$/mu);
    expect(markdown).not.toContain('Config of the baseline');
    expect(markdown).toContain('Compare the mean differences to the baseline with their intervals');
  });

  it('of one config promise no variants, baseline or differences', () => {
    const markdown = renderMarkdown(handStartedModel(1, [1, 2, 3]));
    expect(markdown).toContain('labels aside, they differ only in the seed');
    expect(markdown).not.toMatch(/listed under Variants|^### Variants|of the baseline|oldest config|Compare the (?:mean )?differences/mu);
    expect(markdown).toMatch(/^### Config$/mu);
  });

  it('of one seed promise neither SD nor interval', () => {
    const model = handStartedModel(3, [1]);
    for (const text of [renderMarkdown(model), renderHtml(model)]) {
      expect(text).not.toMatch(/± |\bSD over|simultaneous|Student|Whiskers|with their intervals|mean difference|[Ss]mall dots|1 seeds|1 runs/u);
      expect(text).toContain('neither an SD nor an interval');
      expect(text).toContain('Each has fewer than 2 pairs');
      expect(text).toContain('Compare the differences to the baseline with those under Results.');
      expect(text).toContain('One seed each.');
    }
  });

  it('say how many runs others stand for', () => {
    const superseded = { ...handStartedModel(1, [1]), supersededRuns: 2 };
    const markdown = renderMarkdown(superseded);
    expect(markdown).toContain('1 variant, 1 seed, 1 of 1 run finished; 2 more runs of the same config and seed left out.');
    expect(markdown).toContain('it shows the newest run that finished');
    expect(renderMarkdown({ ...superseded, supersededRuns: 0 })).not.toContain('left out');
  });
});

describe('test metrics', () => {
  /** @param more metrics of the test split besides those that the sample has */
  const withMetrics = (model: ReportModel, more: Partial<ReportModel['runs'][number]['metrics'][number]>): ReportModel => ({
    ...model,
    runs: model.runs.map((run) => ({ ...run, metrics: run.metrics.map((row) => (row.split === 'test' ? { ...row, ...more } : row)) })),
  });

  it('of a run are all told', () => {
    const markdown = renderMarkdown(withMetrics(runModel(), { macroF1: 0.8765, calibrationError: 0.0123 }));
    expect(markdown).toMatch(/^- \*\*Test loss\*\*: \S+ \(mean cross-entropy, nats\)\n- \*\*Test accuracy\*\*: \S+\n- \*\*Test macro F1\*\*: 0\.8765\n- \*\*Test calibration error\*\*: 0\.01230$/mu);
  });

  it('of an experiment are all in a table of their own, of the runs that finished', () => {
    const model = withMetrics(experimentModel(), { macroF1: 0.8765 });
    const markdown = renderMarkdown(model);
    expect(markdown).toContain('The loss is the mean cross-entropy, nats.');
    const [, table = ''] = /^(\| Variant \| Seed \| Test loss \| Test accuracy \| Test macro F1 \|\n(?:\|.*\n)+)/mu.exec(markdown) ?? [];
    const rows = table.trimEnd().split('\n').slice(2);
    expect(rows).toHaveLength(14);
    expect(rows.every((row) => row.endsWith('| 0.8765 |'))).toBe(true);
    expect(rows.filter((row) => row.startsWith('| narrow'))).toHaveLength(2);
    expect(renderHtml(model)).toContain('<th scope="col" class="r">Test macro F1</th>');
  });
});

describe('the confusion matrix of a run', () => {
  const withClasses = (classes: readonly string[]): ReportModel => ({ ...runModel(), confusion: { classes, counts: classes.map((_, row) => classes.map((__, column) => 10 * row + column)), file: 'confusion.json' } });

  it('is a table in both formats', () => {
    const model = withClasses(['cat', 'a|b', '<i>']);
    expect(renderMarkdown(model)).toContain([
      '| True class | cat | a\\|b | &lt;i&gt; |', '| --- | ---: | ---: | ---: |', '| cat | 0 | 1 | 2 |', '| a\\|b | 10 | 11 | 12 |', '| &lt;i&gt; | 20 | 21 | 22 |', '',
    ].join('\n'));
    expect(renderHtml(model)).toContain('<tr><td>&lt;i&gt;</td><td class="r">20</td><td class="r">21</td><td class="r">22</td></tr>');
  });

  it('is named by its place where it has more than 20 classes', () => {
    const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `class ${index}`);
    expect(renderMarkdown(withClasses(names(20)))).toContain('| class 19 | 190 |');
    const large = withClasses(names(21));
    expect(renderMarkdown(large)).toContain('has 21 classes, too many for a table here. It is the file confusion.json in the folder of the run.');
    expect(renderMarkdown(large)).not.toContain('True class');
    expect(renderHtml({ ...large, bundle: 'a.crate.zip' })).toContain('It is the file confusion.json of the run in the bundle a.crate.zip.');
  });

  it('is left out where there is none', () => {
    expect(renderMarkdown({ ...runModel(), confusion: null })).not.toContain('Confusion matrix');
  });
});

describe('a loss that is not finite', () => {
  it.each([Infinity, NaN])('is told in words: %s', (last) => {
    const diverged = (model: ReportModel): ReportModel => ({
      ...model,
      runs: model.runs.map((run) => ({ ...run, loss: { steps: Float64Array.of(0, 1, 2), values: Float64Array.of(2, 3, last) }, row: { ...run.row, finalLoss: Infinity } })),
    });
    const markdown = renderMarkdown(diverged(runModel()));
    expect(markdown).toContain('- **Final loss**: ∞');
    expect(markdown).toMatch(/^\| 2–2 \| not finite \| not finite \| not finite \| 1 \|$/mu);
    expect(markdown).not.toContain('NaN');
    expect(renderMarkdown(diverged(experimentModel()))).toContain('| baseline | 1 | 2.0000 | 3.0000 | not finite | – | – |');
    expect(renderHtml(diverged(runModel()))).toContain('<td class="r">not finite</td>');
  });
});

describe('facts of a run', () => {
  const withRow = (row: Partial<ReportModel['runs'][number]['row']>): string => {
    const model = runModel();
    return renderMarkdown({ ...model, runs: model.runs.map((run) => ({ ...run, row: { ...run.row, ...row } })) });
  };

  it.each([
    [{}, '12 s'],
    [{ attempts: 3 }, '12 s (with pauses, 3 attempts)'],
    [{ status: 'cancelled' }, '12 s until it was cancelled'],
    [{ status: 'interrupted', attempts: 2 }, '12 s until it was found interrupted (with pauses, 2 attempts)'],
    [{ status: 'failed' }, '12 s until it failed'],
  ] as const)('a duration says what it spans: %o', (row, expected) => {
    expect(withRow(row)).toMatch(new RegExp(`^- \\*\\*Duration\\*\\*: ${escapeMarkdown(expected).replaceAll(/[\\()]/gu, String.raw`\$&`)}$`, 'mu'));
  });

  it('says once why there is no code state', () => {
    const model = runModel();
    const without = (problems: string[]): string => renderMarkdown({ ...model, runs: model.runs.map((run) => ({ ...run, manifest: { ...run.manifest, provenance: { ...run.manifest.provenance, git: null, problems } } })) });
    const told = without(["The config's folder is in no git repository, so the code state is not recorded."]);
    expect(told.match(/git repository/gu)).toHaveLength(1);
    expect(told).not.toContain('The state of the code was not captured.');
    const untold = without([]);
    expect(untold).toContain('The state of the code was not captured.');
    expect(untold).not.toContain('git repository');
  });

  it("has the study's description, and the baseline's where it is another", () => {
    const model = experimentModel();
    if (model.study === null) throw new Error('no study');
    const markdown = renderMarkdown({ ...model, study: { ...model.study, description: 'Which part matters?' } });
    expect(markdown).toContain('- **Description**: Which part matters?');
    expect(markdown).toContain(`- **Description of the baseline**: ${model.config.description}`);
    expect(renderMarkdown({ ...model, study: { ...model.study, description: model.config.description } }).match(/\*\*Description/gu)).toHaveLength(1);
  });
});

describe('charts in a page', () => {
  it('count epochs in whole numbers and scroll where the page is narrow', () => {
    const model = runModel();
    const html = renderHtml({ ...model, runs: model.runs.map((run) => ({ ...run, metrics: run.metrics.filter(({ epoch }) => epoch <= 3) })) });
    const chart = html.slice(html.indexOf('<title>Validation'));
    const ticks = [...chart.slice(0, chart.indexOf('</svg>')).matchAll(/text-anchor="middle">([^<]*)</gu)].map(([, label]) => label);
    expect(ticks).toEqual(['1', '2', '3']);
    expect(html).toMatch(/<div class="scroll chart" tabindex="0"><svg/u);
    expect(html).toMatch(/\.chart svg\{min-width:\d+px\}/u);
  });
});

describe('escaping', () => {
  it('keeps Markdown from meaning anything', () => {
    expect(escapeMarkdown('a*b_c`d`<e>|f\n# g')).toBe(String.raw`a\*b\_c\`d\`&lt;e&gt;\|f \# g`);
    expect(escapeMarkdown('1. x')).toBe(String.raw`1\. x`);
    expect(escapeMarkdown('- x')).toBe(String.raw`\- x`);
    expect(escapeMarkdown('−0.5')).toBe('−0.5');
  });

  it('finds a heredoc delimiter and a fence that the text does not hold', () => {
    expect(heredocDelimiter('a\nREPRISE_END\nREPRISE_END_\n')).toBe('REPRISE_END__');
    const code = 'x\n````\ny\n';
    expect(bashBlocks(`text\n\n${markdownFence(code, 'bash')}\n\nmore`)).toEqual([code]);
  });
});
