/** Use cases that look at a bundle and run nothing. */
import type { Input, Output } from '../api/contract';
import type { VerifyView } from '../api/rows';
import { lineOf } from '../config/command-line';
import { dataPaths } from '../config/data';
import { isCommandRun, isTrainingRun, stepsOf, type BundleContent, type BundleRun, type CommandBundleRun } from '../bundle/model';
import { openBundle } from '../bundle/open';
import { isJudged } from '../bundle/series';
import { verifyBundle } from '../bundle/verify';
import { RepriseError } from '../errors/errors';
import { providerObstacle } from './providers';

/** Checks every hash of a bundle. @throws RepriseError BUNDLE_… (kind input) for what is no bundle at all */
export async function verify(file: string): Promise<VerifyView> {
  const { valid, digest, problems, name, license, runs } = await verifyBundle(file);
  return { valid, digest, problems: [...problems], name, license, runs: runs.map((run) => ({ ...run })) };
}

/** The runs of a bundle that a reproduction takes: finished ones, the first `count` of them. */
export function chooseRuns(content: BundleContent, count: number | undefined): BundleRun[] {
  return content.runs.filter((run) => run.status === 'finished').slice(0, count);
}

/** The author's file that a run cannot be re-executed without, or null: the bundle has the data, or they can be made again from a public source. */
export function neededFile(run: BundleRun, content: BundleContent): { readonly source: string; readonly sha256: string | null } | null {
  if (!isTrainingRun(run)) return null;
  const bundled = content.data.find((data) => data.fingerprint === run.manifest.data.fingerprint)?.file ?? null;
  if (bundled !== null || dataPaths(run.manifest.config.data).length === 0) return null;
  const { source, sourceSha256 } = run.manifest.data;
  return { source, sha256: sourceSha256 ?? null };
}

/** Inputs of a command that its bundle does not hold. One that was not there for the record is not needed. */
export function neededInputs({ manifest }: CommandBundleRun, content: BundleContent): { readonly path: string; readonly fingerprint: string }[] {
  return manifest.inputs.flatMap(({ path, fingerprint }) => {
    const held = content.inputs.some((input) => input.path === path && input.fingerprint === fingerprint && input.members !== null);
    return held || fingerprint === null ? [] : [{ path, fingerprint }];
  });
}

/** Why the data of a run are not at hand, or null. @param dataFile the author's data file, or the folder that holds a command's inputs */
export function missingData(run: BundleRun, content: BundleContent, dataFile: string | undefined): string | null {
  if (isCommandRun(run)) {
    if (run.manifest.provenance.code == null) return 'its code was not captured';
    const [first, ...others] = dataFile === undefined ? neededInputs(run, content) : [];
    if (first === undefined) return null;
    return `the input ${first.path}${others.length === 0 ? '' : ` and ${counted(others.length, 'other')}`} ${others.length === 0 ? 'is' : 'are'} not in the bundle; give the folder that holds ${others.length === 0 ? 'it' : 'them'} with --data (fingerprint ${first.fingerprint})`;
  }
  const needed = dataFile === undefined ? neededFile(run, content) : null;
  if (needed === null) return null;
  return `the data set from ${needed.source} is not in the bundle; give the file with --data${needed.sha256 === null ? '' : ` (its SHA-256 is ${needed.sha256})`}`;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function runLine(run: BundleRun, content: BundleContent, data: string | undefined): string {
  const { reproductionId, config } = run.manifest;
  const obstacle = missingData(run, content, data) ?? (isTrainingRun(run) ? providerObstacle(run.manifest.runtime.executionProvider) : null);
  const what = isTrainingRun(run) ? `${run.manifest.config.model.kind}, ${run.manifest.config.data.kind}, ` : '';
  const size = isTrainingRun(run) ? `${counted(stepsOf(run), 'step')}, ${counted(config.executor.threads, 'thread')}` : `${counted(run.series.filter(({ key }) => isJudged(key)).length, 'metric')}, ${counted(run.files.length, 'output file')} to compare`;
  return `${reproductionId}  ${what}seed ${config.seed}, ${obstacle === null ? size : `cannot be run: ${obstacle}`}`;
}

/** Each command once, with the runs it makes. */
function commandLines(runs: readonly CommandBundleRun[], runnable: number, content: BundleContent, data: string | undefined): string[] {
  const byCommand = new Map<string, CommandBundleRun[]>();
  for (const run of runs) {
    const line = lineOf(run.manifest.config.task.command);
    byCommand.set(line, [...(byCommand.get(line) ?? []), run]);
  }
  return [`It would run ${counted(runnable, 'command')} of the bundle's author:`, ...[...byCommand].flatMap(([line, own]) => [`  $ ${line}`, ...own.map((run) => `    ${runLine(run, content, data)}`)])];
}

/** What a reproduction would run, in lines for the user who is asked for consent; hashes are checked first. */
export async function planReproduction(input: Input<'bundle.plan'>): Promise<Output<'bundle.plan'>> {
  const { digest, problems, content } = await verifyBundle(input.file);
  if (content === null) {
    const [first] = problems;
    throw new RepriseError('BUNDLE_INVALID', `${input.file}: ${first?.path ?? 'the bundle'} ${first?.message ?? 'cannot be read'}`, { kind: 'negative', problems });
  }
  const chosen = chooseRuns(content, input.runs);
  const runnable = chosen.filter((run) => missingData(run, content, input.data) === null);
  const trainings = runnable.filter(isTrainingRun);
  const commands = runnable.filter(isCommandRun);
  const steps = trainings.reduce((sum, run) => sum + run.totalSteps, 0);
  const lines = [
    `Bundle ${JSON.stringify(content.name)} by ${content.author === '' ? 'an unnamed author' : content.author}, made with Reprise ${content.reprise}, licence ${content.license}`,
    `digest ${digest}`,
    ...(problems.length === 0 ? [] : [`Not as it was exported: ${counted(problems.length, 'problem')}.`, ...problems.slice(0, 10).map(({ path, message }) => `  ${path}: ${message}`)]),
    ...(content.runs.some(isTrainingRun) ? [`It would train ${trainings.length} of ${counted(content.runs.length, 'run')} (${counted(steps, 'step')} in all) with Reprise's own training graphs:`] : []),
    ...chosen.filter(isTrainingRun).map((run) => `  ${runLine(run, content, input.data)}`),
    ...(content.runs.some(isCommandRun) ? commandLines(chosen.filter(isCommandRun), commands.length, content, input.data) : []),
    commands.length === 0
      ? 'No program of the bundle is executed, nothing is sent over the network, and nothing is written outside the workspace folder.'
      : 'THE PROGRAMS OF THE BUNDLE ARE EXECUTED WITH YOUR RIGHTS: they can read and write what you can, and use the network. Their code is restored into the workspace folder; run what you do not trust in a container or on another machine.',
  ];
  return { digest, name: content.name, lines, problems: [...problems] };
}

/** @throws RepriseError TRUST_MISMATCH unless `trust` is the digest of the bundle as it is now */
export async function requireTrust(file: string, trust: string): Promise<void> {
  const bundle = await openBundle(file);
  bundle.close();
  if (trust.toLowerCase() !== bundle.digest) {
    throw new RepriseError('TRUST_MISMATCH', `${file} has the digest ${bundle.digest}, but trust was given to ${trust}: nothing was run.`, {
      kind: 'input',
      hint: 'Look at the bundle with `reprise verify` and give trust to the digest it prints.',
    });
  }
}
