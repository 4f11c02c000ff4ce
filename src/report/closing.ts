/** Sections "Reproducibility information", "Validation" and "Notes". */
import { metricsIn, testLabel } from '../config/metrics';
import { code, heading, paragraph, shortHash, utc, type Block, type Line } from './document';
import { count, seedsOf, supersededInWords, surroundings, testMetric, testRow, variantOf } from './facts';
import type { ReportModel, ReportRun } from './model';
import { fullHash } from './results';

function identity(model: ReportModel): Block[] {
  const [only] = model.runs;
  if (only === undefined) return [];
  if (model.kind === 'run') {
    const { row, manifest } = only;
    return [{
      type: 'facts',
      rows: [
        { name: 'Experiment ID', value: [code(row.reproductionId)] },
        { name: 'Run', value: [code(row.runId)] },
        { name: 'Created', value: [utc(row.createdAt)] },
        { name: 'Started', value: [utc(row.startedAt)] },
        { name: 'Ended', value: [utc(row.endedAt)] },
        { name: 'Config hash', value: [code(row.configHash)] },
        { name: 'Compute hash', value: [code(row.computeHash)] },
        { name: 'Training graph', value: [code(manifest.trainingGraphHash)] },
        { name: 'Data fingerprint', value: [code(manifest.data.fingerprint)] },
        { name: 'Weights hash', value: fullHash(row.weightsHash) },
      ],
    }];
  }
  return [
    {
      type: 'table',
      columns: [{ title: 'Experiment ID', align: 'left' }, { title: 'Variant', align: 'left' }, { title: 'Seed', align: 'right' }, { title: 'Started', align: 'left' }, { title: 'Compute', align: 'left' }, { title: 'Data', align: 'left' }],
      rows: model.runs.map((run) => [[code(run.row.reproductionId)], [variantOf(run)], [String(run.row.seed)], [utc(run.row.startedAt)], shortHash(run.row.computeHash), shortHash(run.manifest.data.fingerprint)]),
    },
    paragraph('Hashes are SHA-256, here shortened to 8 digits. Runs with one compute hash must give one weights hash.'),
  ];
}

/** Section "Reproducibility information". */
export function informationBlocks(model: ReportModel): Block[] {
  const facts = surroundings(model.runs);
  const differing = facts.filter(({ values }) => values.length > 1);
  const blocks: Block[] = [heading(2, 'Reproducibility information'), heading(3, 'Identity'), ...identity(model)];
  if (model.runs.length === 0) return blocks;
  blocks.push(heading(3, 'Code, software and hardware'));
  blocks.push({
    type: 'facts',
    rows: facts.map(({ name, values }): { name: string; value: Line } => ({
      name,
      value: values.length === 1 ? [values[0]?.text ?? '–'] : [values.map(({ text, runs }) => `${text} (${count(runs, 'run')})`).join('; ')],
    })),
  });
  if (model.runs.length > 1) {
    blocks.push(paragraph(differing.length === 0 ? `All ${model.runs.length} runs had these in common.` : `The runs differ in: ${differing.map(({ name }) => name.toLowerCase()).join(', ')}. Numbers of runs that differ here may differ for that reason alone.`));
  }
  const checks = new Map(model.runs.flatMap(({ manifest }) => manifest.provenance.environmentCheck).map((check) => [JSON.stringify(check), check]));
  if (checks.size > 0) {
    blocks.push(heading(3, 'Environment check'), {
      type: 'table',
      columns: [{ title: 'Item', align: 'left' }, { title: 'Required', align: 'left' }, { title: 'Found', align: 'left' }, { title: 'Met', align: 'left' }],
      rows: [...checks.values()].map(({ item, required, actual, ok }) => [[item], [required], [actual], [ok ? 'yes' : 'no']]),
      marked: [...checks.values()].flatMap(({ ok }, index) => (ok ? [] : [index])),
    });
  }
  return blocks;
}

/** A number with all its digits, to be compared with the answer of a new run. */
const exact = (value: number | null): Line => (value === null ? ['–'] : [code(String(value))]);

/** What of the comparison a new run can be held against; nothing where there is one variant or no pair. */
function differencesToCompare({ comparison }: ReportModel): Line[] {
  const deltas = (comparison?.variants ?? []).flatMap(({ delta }) => (delta === null || delta.mean === null ? [] : [delta]));
  if (deltas.length === 0) return [];
  return [[deltas.some(({ ci }) => ci !== null) ? 'Compare the mean differences to the baseline with their intervals under Results.' : 'Compare the differences to the baseline with those under Results.']];
}

/** Section "Validation". */
export function validationBlocks(model: ReportModel): Block[] {
  const finished = model.runs.filter(({ row }) => row.status === 'finished');
  const title = heading(2, 'Validation');
  const [first] = finished;
  if (first === undefined) return [title, paragraph('No run finished, so there is nothing to compare a new run with.')];
  const { runtime, config } = first.manifest;
  const { metric } = config.selection;
  const items: Line[] = [
    ['Run it again with the same config and seed (see above).'],
    ['Compare ', code('weightsHash'), ', ', code('finalLoss'), ', ', code('bestLoss'), ' and ', code('metrics'), ' of the answer with the values below.'],
    ['Equal weights hashes mean equal weights, to the last bit, and with them equal metrics.'],
    [`On the same runtime (ONNX Runtime ${runtime.onnxruntime}, ${runtime.platform} ${runtime.arch}, ${count(runtime.threads, 'thread')}${runtime.cpuFlags.length === 0 ? '' : `, instruction sets ${runtime.cpuFlags.join(' ')}`}) equal values are expected. Elsewhere rounding may differ and grow over training; then compare the loss curves and the ${testLabel(metric)}, or let a bundle judge by its sealed tolerance.`],
    ...differencesToCompare(model),
  ];
  if (model.kind === 'run') {
    const { row } = first;
    const test = testRow(first);
    return [title, { type: 'list', ordered: true, items }, {
      type: 'facts',
      rows: [
        { name: 'weightsHash', value: fullHash(row.weightsHash) },
        { name: 'finalLoss', value: exact(row.finalLoss) },
        { name: 'bestLoss', value: exact(row.bestLoss) },
        ...(test === undefined ? [] : metricsIn(test)).map((name) => ({ name: `metrics.${name}`, value: exact(test?.[name] ?? null) })),
      ],
    }];
  }
  return [title, { type: 'list', ordered: true, items }, {
    type: 'table',
    columns: [{ title: 'Variant', align: 'left' }, { title: 'Seed', align: 'right' }, { title: 'weightsHash (first 16 digits)', align: 'left' }, { title: 'finalLoss', align: 'left' }, { title: `metrics.${metric}`, align: 'left' }],
    rows: finished.map((run) => [[variantOf(run)], [String(run.row.seed)], run.row.weightsHash === null ? ['–'] : [code(run.row.weightsHash.slice(0, 16))], exact(run.row.finalLoss), exact(testMetric(run))]),
  }];
}

/** Sentences that hold for some runs, with how many. */
function tallied(runs: readonly ReportRun[], read: (run: ReportRun) => readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const run of runs) for (const text of new Set(read(run))) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, amount]) => (runs.length === 1 || amount === runs.length ? text : `${text} (${amount} of ${runs.length} runs)`));
}

/** Section "Notes": only what the data of the runs say. */
export function noteBlocks(model: ReportModel): Block[] {
  const { runs } = model;
  const seeds = seedsOf(model);
  const notes: string[] = [];
  const open = runs.filter(({ row }) => row.status !== 'finished').length;
  if (runs.length > 0) {
    const fixed = [...new Set(runs.map(({ manifest }) => manifest.config.seeds.split))];
    notes.push(`${seeds.length === 1 ? 'The seed is' : 'The seeds are'} ${seeds.join(', ')}; the data are split by split seed ${fixed.join(', ')}.`);
  }
  const superseded = supersededInWords(model);
  if (superseded !== '') notes.push(`The experiment has ${superseded} that this report leaves out: of each config and seed it shows the newest run that finished, or the newest where none did.`);
  if (open > 0) notes.push(`${open} of ${count(runs.length, 'run')} did not finish; the table of runs has their status.`);
  notes.push(...tallied(runs, ({ manifest: { provenance: { git, problems } } }) => {
    // What hindered the capture is among the problems, which follow.
    if (git === null) return problems.some((problem) => /code state/iu.test(problem)) ? [] : ['The state of the code was not captured.'];
    if (!git.dirty) return ['The repository of the config had no uncommitted changes.'];
    const missing = git.untracked.filter(({ content, stored }) => content === null && stored !== true).length;
    return [`The repository of the config had uncommitted changes; ${git.patch === null && git.patchObject == null ? 'they were not captured as a patch' : 'a patch of them was stored with the run'}${git.untracked.length === 0 ? '' : `, and of ${count(git.untracked.length, 'untracked file')} ${missing === 0 ? 'the content' : `the hash (${missing} without content)`}`}.`];
  }));
  notes.push(...tallied(runs, ({ dataWarnings }) => dataWarnings));
  notes.push(...tallied(runs, ({ manifest: { provenance } }) => provenance.problems));
  notes.push(...tallied(runs, ({ manifest: { provenance } }) => provenance.environmentCheck.filter(({ ok, level }) => !ok && level !== 'ignore').map(({ item, required, actual }) => `The environment did not meet the config: ${item} should be ${required} and was ${actual}.`)));
  notes.push(...tallied(runs, ({ row }) => (row.attempts > 1 ? ['The run was interrupted and resumed from a checkpoint.'] : [])));
  if (model.kind === 'run') notes.push('This report is about one seed.');
  notes.push(model.bundle === null ? 'This report alone holds no data, weights or logs; a bundle does.' : `Data or their fingerprint, weights and logs are in the bundle ${model.bundle}.`);
  return [heading(2, 'Notes'), { type: 'list', items: notes.map((text): Line => [text]) }];
}

