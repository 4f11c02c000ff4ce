import { basename } from 'node:path';
import type { BundleIndex } from './schemas';
import { escapeMarkdown } from './text';

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A word of a POSIX shell's command line. */
function shellWord(text: string): string {
  return /^[\w.@%+=:,/-]+$/u.test(text) ? text : `'${text.replace(/'/gu, String.raw`'\''`)}'`;
}

/** A name that no program takes for an option. */
function asFile(name: string): string {
  return name.startsWith('-') ? `./${name}` : name;
}

function cell(text: string): string {
  return escapeMarkdown(text);
}

export interface RunLine {
  readonly runId: string;
  readonly reproductionId: string;
  readonly variant: string | null;
  readonly seed: number;
  readonly runtime: string;
}

/** Where the data of a set are; for one that was left out, how to come by them. */
function whereabouts(data: BundleIndex['data'][number], sourceSha256: string | undefined, file: string): string {
  if (data.file !== null) return `\`${data.file}\``;
  if (sourceSha256 === undefined) return 'not in this bundle; Reprise makes it again from its source';
  return `not in this bundle; whoever reproduces it gives the original CSV file, whose SHA-256 is \`${sourceSha256}\`:

  \`\`\`sh
  npm run -s reprise -- reproduce ${file} --trust DIGEST --data CSVFILE
  \`\`\``;
}

function dataLines(index: BundleIndex, sources: ReadonlyMap<string, string>, file: string): string {
  return index.data
    .map((data) => `- ${escapeMarkdown(data.source)} (licence: ${escapeMarkdown(data.license)}), SHA-256 of the prepared data \`${data.fingerprint}\`, ${size(data.bytes)}: ${whereabouts(data, sources.get(data.fingerprint), file)}`)
    .join('\n');
}

/** What commands read. */
function inputLines(index: BundleIndex, file: string): string {
  return index.inputs
    .map(({ path, license, fingerprint, bytes, members }) => {
      const where = members !== null ? 'in `data/inputs/`' : fingerprint === null ? 'it was not there' : `not in this bundle; whoever reproduces it names the folder that holds it: \`npm run -s reprise -- reproduce ${file} --trust DIGEST --data FOLDER\``;
      return `- input ${escapeMarkdown(path)} (licence: ${escapeMarkdown(license)})${fingerprint === null ? '' : `, fingerprint \`${fingerprint}\``}, ${size(bytes)}: ${where}`;
    })
    .join('\n');
}

const TRAINING_ROWS: readonly string[] = [
  '| `data/runs/RUN/weights.safetensors` | weights at the selected checkpoint |',
  '| `data/runs/RUN/inference.onnx` | the trained model |',
  '| `data/runs/RUN/initial.safetensors` | weights before the first step |',
  '| `data/runs/RUN/training.onnx` | forward pass, backward pass and optimizer as one ONNX graph |',
  '| `data/runs/RUN/optimizer.safetensors` | state of the optimizer at the end |',
  '| `data/runs/RUN/scalars.safetensors` | learning rate and other scalars of every step |',
  '| `data/datasets/` | prepared data |',
];

const COMMAND_ROWS: readonly string[] = [
  '| `data/runs/RUN/output.jsonl` | what the program printed, one JSON object a line: time, stream, text |',
  '| `data/runs/RUN/files/` | files that it wrote |',
  '| `data/code/STATE.json`, `data/code/objects/` | the code: names, modes and SHA-256 of its files, and the files by that name |',
  '| `data/inputs/` | files that it read, where they are part of the bundle |',
];

function replayText(folder: string, example: string | null): string {
  return `\`data/replay.py\` needs Python 3.9 or later with \`numpy\` and \`onnxruntime\`, best in the version listed
above. It trains a run again from its initial weights, draws the order of the examples and the dropout
masks from the seeds, and compares every loss and every hash of the weights with the event log:

\`\`\`sh
python3 ${folder}/data/replay.py ${example ?? 'RUN'}
\`\`\`
`;
}

function rerunText(folder: string, example: string | null): string {
  return `\`data/rerun.py\` needs Python 3.9 or later, and what the command itself needs: \`run.json\` lists its
interpreter and packages. It restores the code in a new folder, puts the inputs in their places, runs the
command with the recorded parameters and seed, and compares the files it writes. \`--dry-run\` only shows
the command:

\`\`\`sh
python3 ${folder}/data/rerun.py ${example ?? 'RUN'}
\`\`\`

The recorded metrics are the records of type \`points\` in the event log: \`key\`, and of equal length \`steps\`,
\`times\` (milliseconds since 1970) and \`values\` (numbers; NaN, infinities and −0 as text).
`;
}

/**
 * `REPRODUCE.md`: what is inside, how to check it with and without Reprise, how to run it again.
 * @param sources SHA-256 (hex) of the author's file by the fingerprint of the data made from it
 */
export function reproduceText(index: BundleIndex, runs: readonly RunLine[], sources: ReadonlyMap<string, string>, outFile: string): string {
  const name = basename(outFile);
  const reprise = escapeMarkdown(index.reprise);
  const bare = name.replace(/(?:\.crate)?\.zip$/u, '');
  const file = shellWord(asFile(name));
  const folder = shellWord(asFile(bare === name ? `${name}.bag` : bare));
  const kindOf = new Map(index.runs.map(({ runId, kind }) => [runId, kind]));
  const exampleOf = (kind: 'training' | 'command'): string | null => runs.find(({ runId }) => kindOf.get(runId) === kind)?.runId ?? null;
  const [trainingExample, commandExample] = [exampleOf('training'), exampleOf('command')];
  const [trainings, commands] = [trainingExample !== null, commandExample !== null];
  return `# ${escapeMarkdown(index.name)}: how to verify and reproduce

${index.description === '' ? `Runs of ${escapeMarkdown(index.name)}, exported by Reprise ${reprise}.` : escapeMarkdown(index.description)}

Licence: ${escapeMarkdown(index.license)}. Exported ${new Date(index.createdAt).toISOString().slice(0, 10)} by Reprise ${reprise}.

## What is inside

A BagIt 1.0 bag in a zip file; its payload \`data/\` is an RO-Crate 1.1 (profile Process Run Crate 0.5).

| path | content |
| --- | --- |
| \`data/bundle.json\` | index: where the files of each run are, and what the runs came to |
| \`data/runs/RUN/run.json\` | configuration, seeds, runtime, data fingerprint, provenance |
| \`data/runs/RUN/events.log\` | what the run recorded, one line a record: checksum (CRC-32), space, JSON |
| \`data/runs/RUN/config.yaml\` | the configuration alone |
${[...(trainings ? TRAINING_ROWS : []), ...(commands ? COMMAND_ROWS : [])].join('\n')}
| \`data/objects/\` | files that several runs share; \`data/bundle.json\` says whose they are |
| \`data/tolerance.json\` | what a re-execution on another runtime may differ by, fixed at export |
| \`data/report.html\`, \`data/report.md\` | report |
${[...(trainings ? ['| `data/replay.py` | replays a training without Reprise |'] : []), ...(commands ? ['| `data/rerun.py` | runs a command again without Reprise |'] : [])].join('\n')}

## Runs

| run | quote as | variant | seed | runtime |
| --- | --- | --- | --- | --- |
${runs.map((run) => `| \`${run.runId}\` | ${cell(run.reproductionId)} | ${run.variant === null ? '' : cell(run.variant)} | ${run.seed} | ${cell(run.runtime)} |`).join('\n')}

## Data

${[...(index.data.length === 0 ? [] : [dataLines(index, sources, file)]), ...(index.inputs.length === 0 ? [] : [inputLines(index, file)])].join('\n') || 'These runs declare no data.'}

## Verify

With Reprise, in a folder where it is installed (give the bundle's full path); this runs nothing of the
bundle, checks every hash, and prints the bundle's digest:

\`\`\`sh
npm run -s reprise -- verify ${file}
\`\`\`

Without Reprise, with Python and its package \`bagit\`:

\`\`\`sh
python3 -m zipfile -e ${file} ${folder}
bagit.py --validate ${folder}
\`\`\`

The digest is the SHA-256 of \`tagmanifest-sha512.txt\`. It names every byte of the bundle, so it cannot
stand inside it: compare what you compute with what the author published.

\`\`\`sh
sha256sum ${folder}/tagmanifest-sha512.txt
\`\`\`

## Reproduce

${commands ? "Reproducing starts the programs of this bundle on your machine, with your rights: read them first. Reprise shows" : "Reproducing executes the bundle's training graphs on your machine. Reprise first shows"} what it will
run; it runs nothing until you name the digest that \`verify\` printed:

\`\`\`sh
npm run -s reprise -- reproduce ${file} --trust DIGEST
\`\`\`

The verdict is \`identical\` (the same bits; nothing less counts on the runtime listed above),
\`within-tolerance\` (another runtime, inside the tolerance fixed at export), \`diverged\` with the first
step that differs, \`inconclusive\`, \`not-comparable\` or \`not-executed\` (its data are missing, or it was
not chosen). Exit code: 0, 0, 1, 3, 3, 3. The verdict on several runs is the worst of those executed.

## Reproduce without Reprise

${[...(trainings ? [replayText(folder, trainingExample)] : []), ...(commands ? [rerunText(folder, commandExample)] : [])].join('\n')}`;
}
