/** Section "Results": training metrics, comparison, curves. */
import { formatMeasured, formatPlain } from '../analysis/format';
import { capitalized } from '../analysis/plain-text';
import { lossInWords, METRIC_NAMES, metricOf, metricsIn, testLabel } from '../config/metrics';
import { domainOf, intervalChart, lineChart, seriesStyle, type LineSeries } from './charts';
import { comparisonCells, comparisonRemarks } from './comparison-table';
import { confusionBlocks } from './confusion';
import { code, heading, paragraph, shortHash, strong, type Block, type Line } from './document';
import { downsample, type Bucket } from './downsample';
import { escapeHtml } from './escape';
import { count, durationOf, lossText, testMetric, testRow, variantNames, variantOf } from './facts';
import type { ComparisonModel, ReportModel, ReportRun } from './model';

/** Points a curve is drawn with; panels are smaller. */
const POINTS = 240;
const PANEL_POINTS = 60;
/** Panels drawn; further variants are named, not drawn. */
const MOST_PANELS = 12;
const ROWS = 12;

function epochsOf({ metrics, row, manifest }: ReportRun): string {
  const done = metrics.reduce((most, entry) => (entry.split === 'validation' ? Math.max(most, entry.epoch) : most), 0);
  const { epochs: planned, earlyStopping } = manifest.config.training;
  const told = String(Number(done.toFixed(2)));
  if (row.status !== 'finished') return planned === undefined ? told : `${told} of ${planned}`;
  return earlyStopping !== undefined && planned !== undefined && done < planned ? `${told} of ${planned}, stopped early` : told;
}

/** Of a run that was stopped early the row has the steps it came to as its total; the config has those it was to make. */
function stepsOf({ row, manifest }: ReportRun): string {
  const { steps: planned } = manifest.config.training;
  if (row.status === 'finished' && planned !== undefined && row.stepsDone < planned) return `${row.stepsDone} of ${planned}, stopped early`;
  return row.totalSteps === null ? String(row.stepsDone) : `${row.stepsDone} of ${row.totalSteps}`;
}

/** All test metrics of each run; nothing where the table of runs has the only one. */
function allTestMetrics(runs: readonly ReportRun[]): Block[] {
  const tested = runs.flatMap((run) => {
    const test = testRow(run);
    return test === undefined ? [] : [{ run, test }];
  });
  const names = METRIC_NAMES.filter((name) => tested.some(({ test }) => test[name] !== undefined));
  if (names.length < 2) return [];
  const losses = [...new Set(tested.map(({ run }) => lossInWords(run.manifest.config)))];
  return [
    paragraph(`All metrics of the test split at the selected checkpoint of each run that finished. The loss is the mean ${losses.join(' or ')}.`),
    {
      type: 'table',
      columns: [{ title: 'Variant', align: 'left' }, { title: 'Seed', align: 'right' }, ...names.map((name) => ({ title: capitalized(testLabel(name)), align: 'right' as const }))],
      rows: tested.map(({ run, test }): Line[] => [[variantOf(run)], [String(run.row.seed)], ...names.map((name): Line => [formatMeasured(test[name])])]),
    },
  ];
}

function trainingMetrics(model: ReportModel): Block[] {
  const title = heading(3, 'Training metrics');
  const [only] = model.runs;
  if (only === undefined) return [title, paragraph('There are no runs.')];
  if (model.kind === 'run') {
    const { row, manifest } = only;
    const test = testRow(only);
    const fact = (name: string, value: string): { name: string; value: Line } => ({ name, value: [value] });
    return [
      title,
      {
        type: 'facts',
        rows: [
          fact('Status', row.errorMessage === null ? row.status : `${row.status}: ${row.errorMessage}`),
          fact('Final loss', `${lossText(row.finalLoss)} (training, last step)`),
          fact('Best loss', `${lossText(row.bestLoss)} (training, smallest of any step)`),
          fact('Training epochs', epochsOf(only)),
          fact('Steps', stepsOf(only)),
          ...(test === undefined ? [] : metricsIn(test)).map((name) => fact(capitalized(testLabel(name)), `${formatMeasured(test?.[name])}${name === 'loss' ? ` (mean ${lossInWords(manifest.config)})` : ''}`)),
          fact('Selected checkpoint', row.selectedStep === null ? '–' : `${manifest.config.selection.checkpoint}: after step ${row.selectedStep}`),
          fact('Duration', durationOf(only)),
        ],
      },
      paragraph('One seed: these values say nothing about how much another seed would change them.'),
      ...(test === undefined ? [] : confusionBlocks(model)),
    ];
  }
  const { metric } = only.manifest.config.selection;
  return [
    title,
    paragraph('One row a run. Losses are training losses of single steps: the last, and the smallest of any.'),
    {
      type: 'table',
      columns: [
        { title: 'Variant', align: 'left' }, { title: 'Seed', align: 'right' }, { title: 'Status', align: 'left' }, { title: 'Final loss', align: 'right' },
        { title: 'Best loss', align: 'right' }, { title: 'Epochs', align: 'right' }, { title: capitalized(testLabel(metric)), align: 'right' }, { title: 'Duration', align: 'right' }, { title: 'Weights', align: 'left' },
      ],
      rows: model.runs.map((run) => [
        [variantOf(run)], [String(run.row.seed)], [run.row.errorMessage === null ? run.row.status : `${run.row.status}: ${run.row.errorMessage}`], [lossText(run.row.finalLoss)],
        [lossText(run.row.bestLoss)], [epochsOf(run)], [formatMeasured(testMetric(run))], [durationOf(run)], shortHash(run.row.weightsHash),
      ]),
      marked: model.runs.flatMap((run, index) => (run.row.status === 'finished' ? [] : [index])),
    },
    ...allTestMetrics(model.runs),
  ];
}

/** @param values of each variant by seed, for the small dots of the chart */
export function comparisonBlocks(comparison: ComparisonModel | null, values: ReadonlyMap<string, ReadonlyMap<number, number>>): Block[] {
  if (comparison === null || comparison.variants.length === 0) return [];
  const { method, warnings, missing } = comparisonRemarks(comparison);
  // A mean of one pair is that pair; it is drawn once.
  const mean = comparison.variants.some(({ delta }) => (delta?.n ?? 0) > 1);
  const baseline = values.get(comparison.variants[0]?.name ?? '');
  const chart = comparison.variants.length < 2 ? '' : intervalChart(
    `Difference in ${comparison.metric} to the baseline`,
    `difference in ${comparison.metric} (variant − baseline)`,
    comparison.variants.flatMap(({ name, delta }, index) => {
      if (delta === null) return [];
      const pairs = [...(values.get(name) ?? [])].flatMap(([seed, value]) => (baseline?.has(seed) === true ? [value - (baseline.get(seed) ?? Number.NaN)] : []));
      return [{ label: name, variant: index, mean: delta.mean, low: delta.ci?.[0] ?? null, high: delta.ci?.[1] ?? null, values: mean ? pairs : [] }];
    }),
  );
  return [
    heading(3, 'Comparison'),
    { type: 'aligned', cells: (fill) => comparisonCells(comparison, fill) },
    paragraph(strong('Method. '), method),
    ...(warnings.length === 0 ? [] : [{ type: 'list', items: warnings.map((text): Line => [text]) } satisfies Block]),
    ...(missing.length === 0
      ? [paragraph('No cell is missing.')]
      : [
          { type: 'paragraph', tone: 'warning', line: [strong(`${count(missing.length, 'missing cell')}, left out of the numbers above:`)] } satisfies Block,
          { type: 'list', items: missing.map((text): Line => [text]) } satisfies Block,
        ]),
    ...(chart === '' ? [] : [{ type: 'figure', svg: chart, caption: `Large dots: ${mean ? 'mean difference' : 'difference'}.${comparison.variants.some(({ delta }) => delta !== null && delta.ci !== null) ? ` Whiskers: ${comparison.variants.length > 2 ? 'simultaneous ' : ''}intervals of the table.` : ''}${mean ? ' Small dots: the difference of each pair of runs with one seed; dots that would cover each other are stacked.' : ''}`, instead: [] } satisfies Block]),
  ];
}

/** Test metric of each variant's finished runs, by seed. */
function testValues({ runs }: ReportModel): Map<string, Map<number, number>> {
  const values = new Map<string, Map<number, number>>();
  for (const run of runs) {
    const value = testMetric(run);
    if (value !== null) values.set(variantOf(run), (values.get(variantOf(run)) ?? new Map<number, number>()).set(run.row.seed, value));
  }
  return values;
}

function bucketsOf(run: ReportRun, most: number): Bucket[] {
  return run.loss === null ? [] : downsample(run.loss.steps, run.loss.values, most);
}

/** A value of a bucket; one without a finite value has none. */
function bucketText(bucket: Bucket, value: 'mean' | 'min' | 'max'): string {
  return bucket.count === 0 ? 'not finite' : lossText(bucket[value]);
}

const middle = ({ from, to }: Bucket): number => (from + to) / 2;

function lossOfRun(run: ReportRun): Block[] {
  const buckets = bucketsOf(run, POINTS);
  if (run.loss === null || buckets.length === 0) return [paragraph('No training loss was recorded.')];
  const steps = run.loss.steps.length;
  const sampled = steps > buckets.length;
  const broken = buckets.reduce((sum, bucket) => sum + bucket.broken, 0);
  const series: LineSeries = {
    label: 'training loss',
    variant: 1,
    points: buckets.map((bucket) => ({ x: middle(bucket), y: bucket.mean })),
    ...(sampled ? { band: buckets.map((bucket) => ({ x: middle(bucket), low: bucket.min, high: bucket.max })) } : {}),
  };
  const domain = domainOf([series], true);
  const how = sampled ? `${steps} steps drawn as ${buckets.length} points, each the mean of about ${count(Math.round(steps / buckets.length), 'step')}; the band spans the smallest and largest of them.` : `All ${count(steps, 'step')}.`;
  const rows = bucketsOf(run, ROWS);
  return [{
    type: 'figure',
    svg: lineChart({ title: 'Training loss by step', description: how, xLabel: 'step', yLabel: 'loss', series: [series] }),
    caption: `Training loss (${lossInWords(run.manifest.config)}${domain?.log === true ? '; logarithmic axis' : ''}). ${how}${broken === 0 ? '' : ` ${count(broken, 'value')} not finite and not drawn.`}`,
    instead: [
      paragraph(`Training loss by step: ${count(steps, 'step')} in ${count(rows.length, 'group')}; mean, smallest and largest of each group.`),
      {
        type: 'table',
        columns: [{ title: 'Steps', align: 'right' }, { title: 'Mean', align: 'right' }, { title: 'Smallest', align: 'right' }, { title: 'Largest', align: 'right' }, { title: 'Not finite', align: 'right' }],
        rows: rows.map((bucket) => [[`${bucket.from}–${bucket.to}`], [bucketText(bucket, 'mean')], [bucketText(bucket, 'min')], [bucketText(bucket, 'max')], [String(bucket.broken)]]),
      },
    ],
  }];
}

function lossPanels(model: ReportModel, names: readonly string[]): Block[] {
  const seriesOf = (name: string, variant: number): LineSeries[] => model.runs
    .filter((run) => variantOf(run) === name && run.loss !== null)
    .map((run) => ({ label: `${name}, seed ${run.row.seed}`, variant, faint: true, points: bucketsOf(run, PANEL_POINTS).map((bucket) => ({ x: middle(bucket), y: bucket.mean })) }));
  const all = names.map((name, index) => seriesOf(name, index));
  const domain = domainOf(all.flat(), true);
  if (domain === null) return [paragraph('No training loss was recorded.')];
  const [baseline = []] = all;
  const shown = names.slice(0, MOST_PANELS);
  const left = names.slice(MOST_PANELS);
  const panels = shown.map((name, index) => {
    const svg = lineChart({ title: `Training loss: ${name}`, description: 'One line a seed; the baseline in grey.', xLabel: 'step', yLabel: 'loss', series: index === 0 ? baseline : [...baseline, ...(all[index] ?? [])], width: 300, height: 190, domain });
    return `<div class="panel"><p class="${seriesStyle(index).name}">${escapeHtml(name)}</p>${svg}</div>`;
  });
  const parts = 5;
  return [{
    type: 'figure',
    svg: `<div class="panels">${panels.join('')}</div>`,
    caption: `Training loss by step (${lossInWords(model.config)}${domain.log ? '; logarithmic axis' : ''}), one line a seed, the baseline in neutral grey in every panel; all panels share their axes. Each line has at most ${PANEL_POINTS} points, each the mean of the steps around it, so single-step extremes are not drawn; the table of runs has the smallest loss.${left.length === 0 ? '' : ` Not drawn: ${left.join(', ')}.`}`,
    instead: [
      paragraph(`Training loss: mean over each fifth of a run's steps (${lossInWords(model.config)}).`),
      {
        type: 'table',
        columns: [{ title: 'Variant', align: 'left' }, { title: 'Seed', align: 'right' }, ...Array.from({ length: parts }, (_, index) => ({ title: `${index * 20}–${(index + 1) * 20}%`, align: 'right' as const }))],
        rows: model.runs.map((run) => {
          const buckets = bucketsOf(run, parts);
          return [[variantOf(run)], [String(run.row.seed)], ...Array.from({ length: parts }, (_, index): Line => [buckets[index] === undefined ? '–' : bucketText(buckets[index], 'mean')])];
        }),
      },
    ],
  }];
}

/** Validation metric by epoch: per run, or the mean over the seeds that have a value. */
function validation(model: ReportModel, names: readonly string[]): Block[] {
  const { metric } = model.config.selection;
  const { title } = metricOf(metric);
  const byVariant = names.map((name) => {
    const epochs = new Map<number, number[]>();
    for (const run of model.runs) {
      if (variantOf(run) !== name && model.kind === 'experiment') continue;
      for (const row of run.metrics) if (row.split === 'validation' && row[metric] !== undefined) epochs.set(row.epoch, [...(epochs.get(row.epoch) ?? []), row[metric]]);
    }
    return { name, points: [...epochs].toSorted(([a], [b]) => a - b).map(([x, values]) => ({ x, y: values.reduce((sum, value) => sum + value, 0) / values.length, n: values.length })) };
  });
  const drawn = byVariant.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return [paragraph('No validation metrics were recorded.')];
  const several = model.kind === 'experiment';
  const series = byVariant.flatMap(({ name, points }, index): LineSeries[] => (points.length === 0 ? [] : [{ label: several ? name : `validation ${title}`, variant: several ? index : 1, points, direct: several }]));
  const epochs = [...new Set(drawn.flatMap(({ points }) => points.map(({ x }) => x)))].toSorted((a, b) => a - b);
  // A long training shows every k-th epoch in the table, and always the last.
  const every = Math.ceil(epochs.length / 10);
  const listed = epochs.filter((_, index) => (epochs.length - 1 - index) % every === 0);
  const fewest = Math.min(...drawn.flatMap(({ points }) => points.map((point) => point.n)));
  const most = Math.max(...drawn.flatMap(({ points }) => points.map((point) => point.n)));
  const how = !several ? '' : most === 1 ? 'One seed each.' : `Mean over the seeds that have a value (n = ${fewest === most ? fewest : `${fewest}–${most}`}).`;
  return [{
    type: 'figure',
    svg: lineChart({ title: `Validation ${title} by epoch`, description: how, xLabel: 'epoch', yLabel: title, series, dots: epochs.length <= 40, height: several ? Math.max(280, 60 + 15 * drawn.length) : 220 }),
    caption: `Validation ${title} by epoch. ${how}`.trim(),
    instead: [
      paragraph(`Validation ${title} by epoch. ${how}${every > 1 ? ` Of every ${every} epochs one is listed.` : ''}`.trim()),
      {
        type: 'table',
        columns: [{ title: 'Variant', align: 'left' }, ...listed.map((epoch) => ({ title: `Epoch ${epoch}`, align: 'right' as const }))],
        rows: drawn.map(({ name, points }) => [[name], ...listed.map((epoch): Line => [formatPlain(points.find(({ x }) => x === epoch)?.y ?? null)])]),
      },
    ],
  }];
}

/** Section "Results". */
export function resultBlocks(model: ReportModel): Block[] {
  const names = variantNames(model);
  const [only] = model.runs;
  const curves = only === undefined ? [] : [heading(3, 'Training curves'), ...(model.kind === 'run' ? lossOfRun(only) : lossPanels(model, names)), ...validation(model, names)];
  return [heading(2, 'Results'), ...comparisonBlocks(model.comparison, testValues(model)), ...trainingMetrics(model), ...curves];
}

/** Weights hash in full, for checking. */
export const fullHash = (hash: string | null): Line => (hash === null ? ['–'] : [code(hash)]);
