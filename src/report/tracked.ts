/** The report of command runs and of runs that another program logged. */
import { formatPlain } from '../analysis/format';
import { lineOf } from '../config/command-line';
import type { DatasetRow, FileRow, LatestMetric } from '../store/tracking';
import type { RunRow, Series, Store } from '../store/types';
import { lineChart, domainOf, type LineSeries } from './charts';
import { code, heading, paragraph, shortHash, utc, type Block, type Line, type ReportDocument } from './document';
import { downsample } from './downsample';
import { count, durationOf, publicRemote } from './facts';
import type { ComparisonModel, ReportStudy } from './model';
import { comparisonBlocks } from './results';

type Manifest = ReturnType<Store['manifest']>;
type CommandManifest = Extract<Manifest, { readonly kind: 'command' }>;
type LoggedManifest = Extract<Manifest, { readonly kind: 'logged' }>;

/** One run with all that is told about it. */
export interface TrackedRun {
  /** Its `variant` is the variant's name in this report. */
  readonly row: RunRow;
  readonly manifest: CommandManifest | LoggedManifest;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: readonly LatestMetric[];
  readonly files: readonly FileRow[];
  readonly datasets: readonly DatasetRow[];
  /** Value of the report's metric; null where it has none. */
  readonly value: number | null;
  /** The series of the report's metric; null where there is none. */
  readonly curve: Series | null;
}

export interface TrackedReport {
  readonly of: 'tracked';
  readonly kind: 'run' | 'experiment';
  readonly title: string;
  /** ISO 8601, UTC. */
  readonly generatedAt: string;
  /** Version of Reprise that wrote the report. */
  readonly reprise: string;
  readonly study: ReportStudy | null;
  /** The config of the run or the baseline as YAML; null for logged runs. */
  readonly configYaml: string | null;
  /** The metric that runs are compared by, and the series it is taken from. */
  readonly metric: { readonly label: string; readonly key: string };
  /** In the order in which they are shown: by variant, then by seed. */
  readonly runs: readonly TrackedRun[];
  readonly supersededRuns: number;
  /** Null for one run. */
  readonly comparison: ComparisonModel | null;
  readonly bundle: string | null;
}

const POINTS = 240;
/** Named one by one; more are counted. */
const MOST_FILES = 50;
const MOST_PACKAGES = 400;
const MOST_METRICS = 60;

const commandOf = ({ manifest }: TrackedRun): CommandManifest | null => (manifest.kind === 'command' ? manifest : null);
const nameOf = ({ row }: TrackedRun): string => row.variant ?? row.name ?? row.runId;
const seedText = ({ row }: TrackedRun): string => (row.seed === null ? '–' : String(row.seed));

/** Distinct values over the runs, with how many runs have each where they differ. */
function varying(runs: readonly TrackedRun[], read: (run: TrackedRun) => string | null): string | null {
  const counts = new Map<string, number>();
  for (const run of runs) {
    const value = read(run);
    if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const entries = [...counts].toSorted((a, b) => b[1] - a[1]);
  if (entries.length === 0) return null;
  return entries.length === 1 ? (entries[0]?.[0] ?? null) : entries.map(([value, amount]) => `${value} (${count(amount, 'run')})`).join('; ');
}

type Fact = { readonly name: string; readonly value: Line };

function factsOf(runs: readonly TrackedRun[], readings: readonly (readonly [string, (run: TrackedRun) => string | null])[]): Fact[] {
  return readings.flatMap(([name, read]) => {
    const value = varying(runs, read);
    return value === null ? [] : [{ name, value: [value] }];
  });
}

/** Parameters that are the same in all runs, and those that differ. */
function parameterBlocks({ runs, kind }: TrackedReport): Block[] {
  const names = [...new Set(runs.flatMap(({ params }) => Object.keys(params)))].toSorted();
  const shared = names.filter((name) => new Set(runs.map(({ params }) => params[name] ?? null)).size === 1);
  const differing = names.filter((name) => !shared.includes(name));
  const blocks: Block[] = [];
  if (shared.length > 0) blocks.push(heading(3, kind === 'run' ? 'Parameters' : 'Parameters of all runs'), { type: 'facts', rows: shared.map((name) => ({ name, value: [runs[0]?.params[name] ?? ''] })) });
  if (differing.length > 0) {
    blocks.push(heading(3, 'Parameters that differ'), {
      type: 'table',
      columns: [{ title: 'Run', align: 'left' }, ...differing.map((name) => ({ title: name, align: 'left' as const }))],
      rows: runs.map((run) => [[nameOf(run)], ...differing.map((name): Line => [run.params[name] ?? '–'])]),
    });
  }
  return blocks;
}

function configurationBlocks(model: TrackedReport): Block[] {
  const { runs, study } = model;
  const commands = [...new Set(runs.flatMap((run) => commandOf(run) ?? []).map(({ config }) => lineOf(config.task.command)))];
  const first = runs.flatMap((run) => commandOf(run) ?? [])[0];
  const logged = runs.filter(({ row }) => row.kind === 'logged');
  return [
    heading(2, 'Experiment configuration'),
    ...(logged.length === 0 ? [] : [paragraph(`${logged.length === runs.length ? 'These runs were' : `${logged.length} of ${count(runs.length, 'run')} were`} logged by another program: what follows is what it told.`)]),
    ...(commands.length === 0 ? [] : [heading(3, 'Command'), { type: 'code', language: 'bash', code: `${commands.join('\n')}\n` } satisfies Block]),
    ...(first === undefined
      ? []
      : [
          {
            type: 'facts',
            rows: factsOf(runs, [
              ['Folder', (run) => commandOf(run)?.config.task.cwd ?? null],
              ['Environment variables', (run) => (commandOf(run) === null ? null : Object.entries(commandOf(run)?.config.task.env ?? {}).map(([name, value]) => `${name}=${value}`).join(', ') || 'none set')],
              ['Declared outputs', (run) => (commandOf(run) === null ? null : commandOf(run)?.config.task.outputs.join(', ') || 'none')],
              ['Metric', (run) => {
                const selection = commandOf(run)?.config.selection;
                return selection === undefined ? null : `${selection.metric}, ${selection.value} value, ${selection.goal === 'maximize' ? 'higher' : 'lower'} is better`;
              }],
              ['Description', (run) => commandOf(run)?.config.description || null],
            ]),
          } satisfies Block,
        ]),
    ...(study === null
      ? []
      : [
          heading(3, 'Variants'),
          paragraph(`Design: ${study.design}; ${count(study.variants.length, 'variant')} × ${count(study.seeds.length, 'seed')}.`),
          { type: 'table', columns: [{ title: 'Variant', align: 'left' }, { title: 'Difference to the baseline', align: 'left' }], rows: study.variants.map(({ name, summary }) => [[name], [summary]]) } satisfies Block,
        ]),
    ...parameterBlocks(model),
    ...(model.configYaml === null ? [] : [heading(3, model.kind === 'run' ? 'Config' : 'Config of the baseline'), { type: 'code', language: 'yaml', code: model.configYaml } satisfies Block]),
  ];
}

function curveBlocks({ runs, metric, kind }: TrackedReport): Block[] {
  const names = [...new Set(runs.map(nameOf))];
  const series = runs.flatMap((run): LineSeries[] => {
    if (run.curve === null || run.curve.steps.length === 0) return [];
    const points = downsample(run.curve.steps, run.curve.values, POINTS).map(({ from, to, mean }) => ({ x: (from + to) / 2, y: mean }));
    return [{ label: kind === 'run' ? metric.key : `${nameOf(run)}, seed ${seedText(run)}`, variant: kind === 'run' ? 1 : names.indexOf(nameOf(run)), points, faint: kind === 'experiment' }];
  });
  const domain = domainOf(series, true);
  if (domain === null) return [];
  const longest = runs.reduce((most, { curve }) => Math.max(most, curve?.steps.length ?? 0), 0);
  const how = `One line a run${longest > POINTS ? `, each of its at most ${POINTS} points the mean of those around it` : ''}${domain.log ? '; logarithmic axis' : ''}.`;
  return [
    heading(3, 'Curves'),
    {
      type: 'figure',
      svg: lineChart({ title: `${metric.key} by step`, description: how, xLabel: 'step', yLabel: metric.key, series }),
      caption: `${metric.key} by step. ${how}`,
      instead: [
        paragraph(`${metric.key}: first and last value of each run.`),
        {
          type: 'table',
          columns: [{ title: 'Run', align: 'left' }, { title: 'Seed', align: 'right' }, { title: 'Points', align: 'right' }, { title: 'First', align: 'right' }, { title: 'Last', align: 'right' }],
          rows: runs.flatMap((run) => (run.curve === null ? [] : [[[nameOf(run)], [seedText(run)], [String(run.curve.steps.length)], [formatPlain(run.curve.values[0] ?? null)], [formatPlain(run.curve.values.at(-1) ?? null)]]])),
        },
      ],
    },
  ];
}

function resultBlocks(model: TrackedReport): Block[] {
  const { runs, metric, kind } = model;
  const values = new Map<string, Map<number, number>>();
  for (const run of runs) if (run.value !== null && run.row.seed !== null) values.set(nameOf(run), (values.get(nameOf(run)) ?? new Map<number, number>()).set(run.row.seed, run.value));
  const [only] = runs;
  const table: Block =
    kind === 'run' && only !== undefined
      ? {
          type: 'table',
          columns: [{ title: 'Metric', align: 'left' }, { title: 'Latest', align: 'right' }, { title: 'At step', align: 'right' }, { title: 'Smallest', align: 'right' }, { title: 'Largest', align: 'right' }, { title: 'Points', align: 'right' }],
          rows: only.metrics.slice(0, MOST_METRICS).map(({ key, value, step, min, max, points }) => [[key], [formatPlain(value)], [String(step)], [formatPlain(min)], [formatPlain(max)], [String(points)]]),
        }
      : {
          type: 'table',
          columns: [{ title: 'Run', align: 'left' }, { title: 'Seed', align: 'right' }, { title: 'Status', align: 'left' }, { title: metric.label, align: 'right' }, { title: 'Duration', align: 'right' }, { title: 'Exit code', align: 'right' }],
          rows: runs.map((run) => [[nameOf(run)], [seedText(run)], [run.row.errorMessage === null ? run.row.status : `${run.row.status}: ${run.row.errorMessage.split('\n')[0] ?? ''}`], [formatPlain(run.value)], [durationOf(run)], [run.row.exitCode === null ? '–' : String(run.row.exitCode)]]),
          marked: runs.flatMap(({ row }, index) => (row.status === 'finished' ? [] : [index])),
        };
  const left = only !== undefined && kind === 'run' ? only.metrics.length - MOST_METRICS : 0;
  return [heading(2, 'Results'), ...comparisonBlocks(model.comparison, values), heading(3, kind === 'run' ? 'Metrics' : 'Runs'), table, ...(left > 0 ? [paragraph(`${left} more metrics are not listed.`)] : []), ...curveBlocks(model)];
}

function environmentFacts(runs: readonly TrackedRun[]): Fact[] {
  const read = (pick: (manifest: CommandManifest) => string | null) => (run: TrackedRun): string | null => {
    const manifest = commandOf(run);
    return manifest === null ? null : pick(manifest);
  };
  return factsOf(runs, [
    ['Git commit', read(({ provenance: { git } }) => (git === null ? 'none' : `${git.commit ?? 'no commit yet'}${git.dirty ? ' with uncommitted changes' : ''}`))],
    ['Git remote', read(({ provenance: { git } }) => (git?.remote == null ? null : publicRemote(git.remote)))],
    ['Code snapshot (SHA-256)', read(({ provenance: { code: state } }) => (state == null ? 'not captured' : `${state.snapshot}, ${count(state.files, 'file')}${state.complete ? '' : ', incomplete'}`))],
    ['Interpreter', read(({ provenance: { python } }) => (python == null ? null : `${python.implementation} ${python.version}, ${python.platform}`))],
    ['Packages (SHA-256 of the lock)', read(({ provenance: { python } }) => (python == null ? null : `${python.lockHash}, ${count(python.packages.length, 'package')}`))],
    ['PyTorch', read(({ provenance: { python } }) => (python?.torch == null ? null : `${python.torch.version}, CUDA ${python.torch.cuda ?? 'none'}, cuDNN ${python.torch.cudnn ?? 'none'}`))],
    ['Operating system', read(({ provenance: { os } }) => `${os.name} (${os.platform} ${os.release}, ${os.arch})`)],
    ['CPU', read(({ provenance: { cpu } }) => `${cpu.model}, ${count(cpu.cores, 'core')}`)],
    ['Memory', read(({ provenance }) => `${(provenance.memoryBytes / 2 ** 30).toFixed(1)} GiB`)],
    ['GPUs', read(({ provenance: { gpus } }) => (gpus.length === 0 ? 'none found' : gpus.map(({ name, driver }) => (driver === null ? name : `${name} (driver ${driver})`)).join(', ')))],
    ['Container', read(({ provenance: { container } }) => (container == null ? null : [container.kind, container.image, container.digest].filter((part) => part !== null).join(' ')))],
    ['Reprise', read(({ provenance }) => provenance.versions.reprise)],
    ['Logged by', ({ manifest }) => (manifest.kind === 'logged' ? `${manifest.source.system}${manifest.user === '' ? '' : `, user ${manifest.user}`}` : null)],
  ]);
}

function packageBlocks(runs: readonly TrackedRun[]): Block[] {
  const locks = new Map(runs.flatMap((run) => commandOf(run)?.provenance.python ?? []).map((python) => [python.lockHash, python]));
  return [...locks.values()].flatMap(({ lockHash, version, packages }): Block[] => [
    heading(3, locks.size === 1 ? 'Packages' : `Packages of lock ${lockHash.slice(0, 8)}`),
    { type: 'code', language: 'bash', code: `# Python ${version}\n${packages.slice(0, MOST_PACKAGES).map(({ name, version: of }) => `${name}==${of}`).join('\n')}\n${packages.length > MOST_PACKAGES ? `# and ${packages.length - MOST_PACKAGES} more\n` : ''}` },
  ]);
}

function checkBlocks(runs: readonly TrackedRun[]): Block[] {
  const checks = [...new Map(runs.flatMap((run) => commandOf(run)?.provenance.environmentCheck ?? []).map((check) => [JSON.stringify(check), check])).values()];
  if (checks.length === 0) return [];
  return [
    heading(3, 'Environment check'),
    {
      type: 'table',
      columns: [{ title: 'Item', align: 'left' }, { title: 'Required', align: 'left' }, { title: 'Found', align: 'left' }, { title: 'Met', align: 'left' }],
      rows: checks.map(({ item, required, actual, ok }) => [[item], [required], [actual], [ok ? 'yes' : 'no']]),
      marked: checks.flatMap(({ ok }, index) => (ok ? [] : [index])),
    },
  ];
}

function inputBlocks(runs: readonly TrackedRun[]): Block[] {
  const inputs = [...new Map(runs.flatMap((run) => commandOf(run)?.inputs ?? []).map((input) => [`${input.path}\n${input.fingerprint ?? ''}`, input])).values()];
  const sets = [...new Map(runs.flatMap(({ datasets }) => datasets).map((set) => [`${set.name}\n${set.digest}`, set])).values()];
  const rows: Line[][] = [
    ...inputs.map(({ path, fingerprint, bytes, files, license }): Line[] => [[path], [String(files)], [String(bytes)], [license], fingerprint === null ? ['was not there'] : [code(fingerprint)]]),
    ...sets.map(({ name, digest }): Line[] => [[name], ['–'], ['–'], ['–'], [digest]]),
  ];
  if (rows.length === 0) return [];
  return [heading(3, 'Data'), { type: 'table', columns: [{ title: 'Input', align: 'left' }, { title: 'Files', align: 'right' }, { title: 'Bytes', align: 'right' }, { title: 'Licence', align: 'left' }, { title: 'Fingerprint', align: 'left' }], rows }];
}

function outputBlocks({ runs }: TrackedReport): Block[] {
  const files = runs.flatMap((run) => run.files.map((file) => ({ run, file })));
  if (files.length === 0) return [];
  return [
    heading(3, 'Output files'),
    {
      type: 'table',
      columns: [{ title: 'Run', align: 'left' }, { title: 'Seed', align: 'right' }, { title: 'File', align: 'left' }, { title: 'Bytes', align: 'right' }, { title: 'SHA-256', align: 'left' }],
      rows: files.slice(0, MOST_FILES).map(({ run, file }) => [[nameOf(run)], [seedText(run)], [file.path], [String(file.bytes)], [code(file.sha256)]]),
    },
    ...(files.length > MOST_FILES ? [paragraph(`${files.length - MOST_FILES} more files are not listed.`)] : []),
  ];
}

function informationBlocks(model: TrackedReport): Block[] {
  const { runs } = model;
  return [
    heading(2, 'Reproducibility information'),
    heading(3, 'Identity'),
    {
      type: 'table',
      columns: [{ title: 'Run', align: 'left' }, { title: 'Quote as', align: 'left' }, { title: 'Name', align: 'left' }, { title: 'Seed', align: 'right' }, { title: 'Started', align: 'left' }, { title: 'Compute', align: 'left' }],
      rows: runs.map((run) => [[code(run.row.runId)], [code(run.row.reproductionId)], [nameOf(run)], [seedText(run)], [utc(run.row.startedAt)], shortHash(run.row.computeHash)]),
    },
    heading(3, 'Code, software and hardware'),
    { type: 'facts', rows: environmentFacts(runs) },
    ...packageBlocks(runs),
    ...checkBlocks(runs),
    ...inputBlocks(runs),
    ...outputBlocks(model),
  ];
}

function instructionBlocks({ runs, bundle, configYaml, study, title }: TrackedReport): Block[] {
  const blocks: Block[] = [heading(2, 'Reproduction instructions')];
  if (bundle !== null) {
    blocks.push(paragraph('The bundle ', code(bundle), ' carries code, inputs or their fingerprints, and the recorded metrics. Reprise executes it again and judges the result; the file ', code('rerun.py'), ' in it does so without Reprise.'), { type: 'code', language: 'bash', code: `npm run -s reprise -- reproduce ${bundle}\n` });
  }
  const states = runs.flatMap((run) => commandOf(run) ?? []);
  if (states.length === 0) return [...blocks, paragraph('Another program made these runs; how to make them again is for its author to say.')];
  const commits = [...new Set(states.flatMap(({ provenance }) => provenance.git?.commit ?? []))];
  const dirty = states.some(({ provenance }) => provenance.git?.dirty === true);
  blocks.push({
    type: 'list',
    ordered: true,
    items: [
      commits.length === 0 ? ['Take the code as it was: its snapshot is in the workspace and in a bundle.'] : [`Check out the commit ${commits.join(' or ')}${dirty ? ' and apply the uncommitted changes, which the workspace and a bundle have' : ''}.`],
      ['Install the packages listed above, and put the inputs in their places; their fingerprints must be the same.'],
      study === null ? ['Save the config above beside the code and run ', code('reprise run CONFIG'), '.'] : ['Save the study beside the code and run ', code('reprise ablate STUDY'), '.'],
      ['Compare the metrics under Results: ', code(`reprise compare ${title}`), '.'],
    ],
  });
  if (study !== null) blocks.push({ type: 'code', language: 'yaml', code: study.yaml });
  else if (configYaml === null) blocks.push(paragraph('The config was not recorded.'));
  return blocks;
}

function noteBlocks({ runs, bundle, supersededRuns }: TrackedReport): Block[] {
  const notes = new Set<string>();
  const open = runs.filter(({ row }) => row.status !== 'finished').length;
  if (open > 0) notes.add(`${open} of ${count(runs.length, 'run')} did not finish.`);
  if (supersededRuns > 0) notes.add(`${count(supersededRuns, 'more run')} of the same parameters and seed ${supersededRuns === 1 ? 'is' : 'are'} left out: of each the newest finished one is shown.`);
  for (const run of runs) {
    const manifest = commandOf(run);
    for (const problem of manifest?.provenance.problems ?? []) notes.add(problem);
    for (const { path, note } of manifest?.provenance.code?.withheld ?? []) notes.add(`${path} is not part of the recorded code (${note}).`);
    if (run.row.attempts > 1) notes.add('A run took several attempts.');
  }
  if (runs.some(({ row }) => row.kind === 'logged')) notes.add('Of logged runs nobody captured code, environment or data: what is not among their parameters and tags is not known.');
  notes.add(bundle === null ? 'This report alone holds no code, data or logs; a bundle does.' : `Code, inputs or their fingerprints, outputs and logs are in the bundle ${bundle}.`);
  return [heading(2, 'Notes'), { type: 'list', items: [...notes].map((text): Line => [text]) }];
}

/** The whole report, for either format. */
export function trackedDocument(model: TrackedReport): ReportDocument {
  const { runs, kind, comparison } = model;
  const finished = runs.filter(({ row }) => row.status === 'finished').length;
  const what = kind === 'run' ? `One run, ${runs[0]?.row.status ?? 'absent'}.` : `${count(comparison?.variants.length ?? 0, 'variant')}, ${finished} of ${count(runs.length, 'run')} finished.`;
  return {
    title: `Reproducibility report: ${model.title}`,
    lead: `${what} Written ${utc(Date.parse(model.generatedAt))} by Reprise ${model.reprise}.`,
    blocks: [...configurationBlocks(model), ...resultBlocks(model), ...informationBlocks(model), ...instructionBlocks(model), ...noteBlocks(model)],
  };
}
