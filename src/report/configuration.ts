/** Section "Experiment configuration": model, training, data, reproducibility parameters, variants. */
import { code, heading, paragraph, type Block, type Line } from './document';
import { experimentOf, inWords, seedsOf, splitInWords } from './facts';
import type { ReportModel } from './model';

type Row = { readonly name: string; readonly value: Line };
const row = (name: string, value: string): Row => ({ name, value: [value] });

function fieldsOf(part: Readonly<Record<string, unknown>>, leave: readonly string[]): Row[] {
  return Object.entries(part)
    .filter(([key, value]) => !leave.includes(key) && value !== undefined)
    .map(([key, value]) => row(key.replaceAll(/([a-z\d])([A-Z])/gu, (_, left: string, right: string) => `${left} ${right.toLowerCase()}`).replace(/^./u, (first) => first.toUpperCase()), inWords(value)));
}

/** Section "Experiment configuration". */
export function configurationBlocks(model: ReportModel): Block[] {
  const { config } = model;
  const data = [...new Map(model.runs.map(({ manifest }) => [manifest.data.fingerprint, manifest.data])).values()];
  const whose = model.kind === 'run' ? '' : model.study === null ? ' Values are those of the first config; the others differ as listed under Variants.' : ' Values are those of the baseline.';
  const seeds = seedsOf(model);
  const own = config.seeds;
  const follows = (seed: number | undefined): string => (seed === undefined ? 'follows the seed' : `fixed at ${seed}`);
  const labels: Row[] = [
    row('Experiment', experimentOf(model)),
    ...(config.author === '' ? [] : [row('Author', config.author)]),
    ...(config.description === '' ? [] : [row('Description', config.description)]),
    ...(config.tags.length === 0 ? [] : [row('Tags', config.tags.join(', '))]),
  ];
  const blocks: Block[] = [
    heading(2, 'Experiment configuration'),
    ...(whose === '' ? [] : [paragraph(whose.trim())]),
    { type: 'facts', rows: labels },
    heading(3, 'Model configuration'),
    { type: 'facts', rows: [row('Model type', config.model.kind), ...fieldsOf(config.model, ['kind']), ...fieldsOf(config.training, [])] },
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
        row('Noise (dropout)', config.model.dropout === 0 ? 'none: no dropout' : follows(own.noise)),
        row('Threads', `${config.executor.threads}, pinned`),
        row('Required environment', inWords(config.environment)),
        row('Reported metric', `test ${config.selection.metric} at the ${config.selection.checkpoint === 'last' ? 'last checkpoint' : 'checkpoint with the best validation value'}`),
      ],
    },
  ];
  if (model.study !== null) {
    blocks.push(heading(3, 'Variants'), paragraph(`Design: ${model.study.design}; ${model.study.variants.length} variants × ${model.study.seeds.length} seeds.`));
    blocks.push({
      type: 'table',
      columns: [{ title: 'Variant', align: 'left' }, { title: 'Difference to the baseline', align: 'left' }],
      rows: model.study.variants.map(({ name, summary }) => [[name], [summary === '' ? 'as configured' : summary]]),
    });
  }
  blocks.push(heading(3, model.kind === 'run' ? 'Config' : 'Config of the baseline'), { type: 'code', language: 'yaml', code: model.configYaml });
  return blocks;
}
