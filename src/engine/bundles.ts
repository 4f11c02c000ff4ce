/** Use cases that look at a bundle and run nothing. */
import type { Input, Output } from '../api/contract';
import type { VerifyView } from '../api/rows';
import type { BundleContent, BundleRun } from '../bundle/model';
import { openBundle } from '../bundle/open';
import { verifyBundle } from '../bundle/verify';
import { RepriseError } from '../errors/errors';

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
  const bundled = content.data.find((data) => data.fingerprint === run.manifest.data.fingerprint)?.file ?? null;
  if (bundled !== null || run.manifest.config.data.kind !== 'csv') return null;
  const { source, sourceSha256 } = run.manifest.data;
  return { source, sha256: sourceSha256 ?? null };
}

/** Why the data of a run are not at hand, or null. */
export function missingData(run: BundleRun, content: BundleContent, dataFile: string | undefined): string | null {
  const needed = dataFile === undefined ? neededFile(run, content) : null;
  if (needed === null) return null;
  return `the data set from ${needed.source} is not in the bundle; give the file with --data${needed.sha256 === null ? '' : ` (its SHA-256 is ${needed.sha256})`}`;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What a reproduction would run, in lines for the user who is asked for consent; hashes are checked first. */
export async function planReproduction(input: Input<'bundle.plan'>): Promise<Output<'bundle.plan'>> {
  const { digest, problems, content } = await verifyBundle(input.file);
  if (content === null) {
    const [first] = problems;
    throw new RepriseError('BUNDLE_INVALID', `${input.file}: ${first?.path ?? 'the bundle'} ${first?.message ?? 'cannot be read'}`, { kind: 'negative', problems });
  }
  const chosen = chooseRuns(content, input.runs);
  const runnable = chosen.filter((run) => missingData(run, content, input.data) === null);
  const steps = runnable.reduce((sum, run) => sum + run.totalSteps, 0);
  const lines = [
    `Bundle ${JSON.stringify(content.name)} by ${content.author === '' ? 'an unnamed author' : content.author}, made with Reprise ${content.reprise}, licence ${content.license}`,
    `digest ${digest}`,
    ...(problems.length === 0 ? [] : [`Not as it was exported: ${counted(problems.length, 'problem')}.`, ...problems.slice(0, 10).map(({ path, message }) => `  ${path}: ${message}`)]),
    `It would train ${runnable.length} of ${counted(content.runs.length, 'run')} (${counted(steps, 'step')} in all) with Reprise's own training graphs:`,
    ...chosen.map((run) => {
      const { reproductionId, config } = run.manifest;
      const obstacle = missingData(run, content, input.data);
      return `  ${reproductionId}  ${config.model.kind}, ${config.data.kind}, seed ${config.seed}, ${obstacle === null ? `${counted(run.totalSteps, 'step')}, ${counted(config.executor.threads, 'thread')}` : `cannot be run: ${obstacle}`}`;
    }),
    'No program of the bundle is executed, nothing is sent over the network, and nothing is written outside the workspace folder.',
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
