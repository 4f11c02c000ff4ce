/** Section "Experiment configuration": model, training, data, reproducibility parameters, variants. */
import { testLabel } from '../config/metrics';
import { drawsNoise } from '../config/schema';
import { code, heading, paragraph, type Block, type Line } from './document';
import { count, experimentOf, inWords, seedsOf, splitInWords } from './facts';
import type { ReportModel } from './model';

type Row = { readonly name: string; readonly value: Line };
const row = (name: string, value: string): Row => ({ name, value: [value] });

function fieldsOf(part: Readonly<Record<string, unknown>>, leave: readonly string[]): Row[] {
  return Object.entries(part)
    .filter(([key, value]) => !leave.includes(key) && value !== undefined)
    .map(([key, value]) => row(key.replaceAll(/([a-z\d])([A-Z])/gu, (_, left: string, right: string) => `${left} ${right.toLowerCase()}`).replace(/^./u, (first) => first.toUpperCase()), inWords(value)));
}

/** Whose values the section shows, and what its YAML is headed. */
function ownership(model: ReportModel): { readonly sentence: string; readonly title: string } {
  if (model.kind === 'run') return { sentence: '', title: 'Config' };
  if (model.study !== null) return { sentence: 'Values are those of the baseline; the other variants differ as listed under Variants.', title: 'Config of the baseline' };
  if ((model.comparison?.variants.length ?? 0) > 1) {
    return { sentence: 'The runs were started one by one and no study declares a baseline. Values are those of the oldest config, which stands for it; the others differ as listed under Variants.', title: 'Oldest config' };
  }
  return { sentence: model.comparison?.variants.length === 1 && seedsOf(model).length > 1 ? 'The runs were started one by one; labels aside, they differ only in the seed.' : '', title: 'Config' };
}

function variantBlocks({ study, comparison, kind }: ReportModel): Block[] {
  const variants = study?.variants ?? (kind === 'experiment' ? (comparison?.variants ?? []) : []);
  if (study === null && variants.length < 2) return [];
  return [
    heading(3, 'Variants'),
    ...(study === null ? [] : [paragraph(`Design: ${study.design}; ${count(study.variants.length, 'variant')} × ${count(study.seeds.length, 'seed')}.`)]),
    {
      type: 'table',
      columns: [{ title: 'Variant', align: 'left' }, { title: study === null ? 'Difference to the oldest config' : 'Difference to the baseline', align: 'left' }],
      rows: variants.map(({ name, summary = name }, index) => [[name], [index === 0 || summary === '' ? 'as configured' : summary]]),
    },
  ];
}

/** What the study is about, and what the config is about where that is something else. */
function descriptions({ study, config }: ReportModel): Row[] {
  const ofStudy = study?.description ?? '';
  if (ofStudy === '' || ofStudy === config.description) return config.description === '' ? [] : [row('Description', config.description)];
  return [row('Description', ofStudy), ...(config.description === '' ? [] : [row('Description of the baseline', config.description)])];
}

/** Section "Experiment configuration". */
export function configurationBlocks(model: ReportModel): Block[] {
  const { config } = model;
  const models = new Set(model.runs.flatMap(({ manifest }) => manifest.model?.sourceSha256 ?? []));
  const data = [...new Map(model.runs.map(({ manifest }) => [manifest.data.fingerprint, manifest.data])).values()];
  const whose = ownership(model);
  const seeds = seedsOf(model);
  const own = config.seeds;
  const follows = (seed: number | undefined): string => (seed === undefined ? 'follows the seed' : `fixed at ${seed}`);
  const labels: Row[] = [
    row('Experiment', experimentOf(model)),
    ...(config.author === '' ? [] : [row('Author', config.author)]),
    ...descriptions(model),
    ...(config.tags.length === 0 ? [] : [row('Tags', config.tags.join(', '))]),
  ];
  const blocks: Block[] = [
    heading(2, 'Experiment configuration'),
    ...(whose.sentence === '' ? [] : [paragraph(whose.sentence)]),
    { type: 'facts', rows: labels },
    heading(3, 'Model configuration'),
    { type: 'facts', rows: [row('Model type', config.model.kind), ...fieldsOf(config.model, ['kind']), ...[...models].map((sha256): Row => ({ name: 'ONNX file (SHA-256)', value: [code(sha256)] })), ...fieldsOf(config.training, [])] },
    heading(3, 'Data configuration'),
    {
      type: 'facts',
      rows: [
        row('Dataset', config.data.kind),
        ...fieldsOf(config.data, ['kind', 'split']),
        row('Split', splitInWords(config)),
        ...data.flatMap((entry): Row[] => [row('Source', `${entry.source}; licence ${entry.license}`), { name: 'Fingerprint (SHA-256)', value: [code(entry.fingerprint)] }]),
      ],
    },
    heading(3, 'Reproducibility parameters'),
    {
      type: 'facts',
      rows: [
        row(seeds.length === 1 ? 'Seed' : 'Seeds', seeds.join(', ')),
        row('Split', `split seed ${own.split}, the same for every seed`),
        row('Initial weights', follows(own.init)),
        row('Order of examples', follows(own.order)),
        row('Noise (dropout, changed images)', drawsNoise(config) ? follows(own.noise) : 'none'),
        row('Execution provider', config.executor.provider ?? 'cpu'),
        row('Threads', `${config.executor.threads}, pinned`),
        row('Required environment', inWords(config.environment)),
        row('Reported metric', `${testLabel(config.selection.metric)} at the ${config.selection.checkpoint === 'last' ? 'last checkpoint' : 'checkpoint with the best validation value'}`),
      ],
    },
  ];
  blocks.push(...variantBlocks(model));
  blocks.push(heading(3, whose.title), { type: 'code', language: 'yaml', code: model.configYaml });
  return blocks;
}
