/**
 * How to do it again: bash blocks that run as they stand, in order, in one shell whose current folder is a
 * checkout of Reprise. A test executes them.
 */
import { dataPaths, mayBeFolder } from '../config/data';
import { variantHash } from '../config/hash';
import { modelPath } from '../config/models';
import { formatYaml } from '../config/yaml';
import { code, heading, paragraph, type Block } from './document';
import { heredocDelimiter, shellQuote } from './escape';
import { count, experimentOf } from './facts';
import type { ReportModel, ReportRun } from './model';

/** A file written by a quoted heredoc, byte for byte. */
function writeFile(path: string, text: string): string {
  const body = text.endsWith('\n') ? text : `${text}\n`;
  const end = heredocDelimiter(body);
  return `cat > ${path} <<'${end}'\n${body}${end}\n`;
}

const command = (words: string): string => `npm run -s reprise -- ${words} --workspace "$DIR/workspace" --json\n`;

interface DataFile {
  readonly path: string;
  readonly mayBeFolder: boolean;
  /** Of what was trained on, after reading. */
  readonly fingerprint: string;
  /** Of the file itself; null where it was not recorded. */
  readonly sha256: string | null;
}

/** Files and folders that the runs read, by the path their configs name. */
function filesOf({ runs, dataFiles = [] }: ReportModel): DataFile[] {
  const files = new Map<string, DataFile>();
  for (const { manifest } of runs) {
    const { config: { data, model }, model: modelFile } = manifest;
    const named = modelPath(model);
    if (named !== null && modelFile !== undefined) files.set(named, { path: named, fingerprint: modelFile.sha256, mayBeFolder: false, sha256: modelFile.sourceSha256 });
    for (const { path } of dataPaths(data)) files.set(path, { path, fingerprint: manifest.data.fingerprint, mayBeFolder: mayBeFolder(data), sha256: dataFiles.find((file) => file.path === path)?.sha256 ?? null });
  }
  return [...files.values()];
}

const isAbsolute = (path: string): boolean => /^(?:[/\\]|[A-Za-z]:)/u.test(path);

/** How many folders above the config's a relative path climbs; the config is written that deep, so that it stays below $DIR. */
function climbs(path: string): number {
  let depth = 0;
  let least = 0;
  for (const part of path.split(/[/\\]/u)) {
    if (part === '' || part === '.') continue;
    depth += part === '..' ? -1 : 1;
    least = Math.min(least, depth);
  }
  return -least;
}

function dataBlocks(files: readonly DataFile[], folder: string): Block[] {
  return files.flatMap(({ path, fingerprint, sha256, mayBeFolder: isTree }, index): Block[] => {
    const where = isAbsolute(path) ? 'It must lie at exactly that path.' : 'The block below copies it to where the config looks for it.';
    const name = files.length === 1 ? 'DATA_FILE' : `DATA_FILE_${index + 1}`;
    const blocks: Block[] = [
      paragraph('The runs read the file ', code(path), `, which this report does not contain. ${where} What was trained on, after reading it, has the SHA-256 fingerprint `, code(fingerprint), '; the fingerprint of a new run must be the same.'),
      sha256 === null ? paragraph('The SHA-256 of the file itself was not recorded.') : paragraph('The SHA-256 of the file is ', code(sha256), '.'),
    ];
    if (isAbsolute(path)) return blocks;
    const target = `${folder}/${path.replaceAll('\\', '/')}`;
    const quoted = `"$DIR"${shellQuote(target)}`;
    blocks.push(paragraph('Set ', code(name), ' to the place of your copy first.'));
    blocks.push({ type: 'code', language: 'bash', code: `mkdir -p "$(dirname -- ${quoted})"\ncp ${isTree ? '-R ' : ''}-- "\${${name}:?set it to the path of your copy}" ${quoted}\n${sha256 === null ? '' : `echo "${sha256}  $DIR"${shellQuote(target)} | sha256sum --check\n`}` });
    return blocks;
  });
}

function steps(model: ReportModel): Block[] {
  const files = filesOf(model);
  const depth = Math.max(0, ...files.filter(({ path }) => !isAbsolute(path)).map(({ path }) => climbs(path)));
  const folder = '/study'.repeat(depth);
  const place = (name: string): string => `"$DIR${folder}/${name}"`;
  const start = `DIR="$(mktemp -d)"\n${depth === 0 ? '' : `mkdir -p "$DIR${folder}"\n`}`;
  const data = files.length === 0 ? [] : [heading(3, 'Place the data'), ...dataBlocks(files, folder)];

  if (model.kind === 'run') {
    return [
      heading(3, 'Write the config'),
      { type: 'code', language: 'bash', code: start + writeFile(place('config.yaml'), model.configYaml) },
      ...data,
      heading(3, 'Run it'),
      paragraph('The run is trained anew in a workspace of its own; the answer is one JSON document.'),
      { type: 'code', language: 'bash', code: command(`run ${place('config.yaml')}`) },
    ];
  }
  const name = experimentOf(model);
  const compare: Block[] = [heading(3, 'Compare'), { type: 'code', language: 'bash', code: command(`compare ${shellQuote(name)}`) }];
  if (model.study !== null) {
    return [
      heading(3, 'Write the study'),
      paragraph('The study holds its baseline, so it needs no other config.'),
      { type: 'code', language: 'bash', code: start + writeFile(place('study.yaml'), model.study.yaml) },
      ...data,
      heading(3, 'Run it'),
      paragraph(`This trains ${count(model.study.variants.length * model.study.seeds.length, 'run')} in a workspace of its own.`),
      { type: 'code', language: 'bash', code: command(`ablate ${place('study.yaml')}`) },
      ...compare,
    ];
  }
  const groups = new Map<string, ReportRun[]>();
  for (const run of model.runs) {
    const key = variantHash(run.manifest.config);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const configs = [...groups.values()].map((runs, index) => ({ runs, file: place(`config-${index + 1}.yaml`) }));
  return [
    heading(3, 'Write the configs'),
    paragraph('The runs were started one by one, not by a study; runs that differ only in the seed share a config.'),
    { type: 'code', language: 'bash', code: start + configs.map(({ runs, file }) => (runs[0] === undefined ? '' : writeFile(file, formatYaml(runs[0].manifest.config)))).join('') },
    ...data,
    heading(3, 'Run them'),
    { type: 'code', language: 'bash', code: configs.flatMap(({ runs, file }) => [...new Set(runs.map((run) => run.row.seed))].map((seed) => command(`run ${file} --seed ${seed}`))).join('') },
    ...compare,
  ];
}

/** Section "Reproduction instructions". */
export function instructionBlocks(model: ReportModel): Block[] {
  const versions = [...new Set(model.runs.map((run) => run.manifest.provenance.versions.reprise))];
  const version = versions.length === 0 ? model.reprise : versions.join(' and ');
  const bundle: Block[] = model.bundle === null
    ? []
    : [paragraph('Instead of the steps below, the bundle ', code(model.bundle), ' re-executes itself and says whether the result held: ', code('npm run -s reprise -- reproduce FILE'), '.')];
  return [
    heading(2, 'Reproduction instructions'),
    paragraph(`You need bash and a checkout of Reprise ${version} whose set-up has been done (`, code('npm start'), ' does it). Paste the blocks in their order into one shell whose current folder is that checkout. Everything is written below a new temporary folder, ', code('$DIR'), '.'),
    ...bundle,
    ...steps(model),
  ];
}
