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

/** What a reproduction would run, in lines for the user who is asked for consent. */
export async function planReproduction(input: Input<'bundle.plan'>): Promise<Output<'bundle.plan'>> {
  const bundle = await openBundle(input.file);
  try {
    const content = await bundle.content();
    const runs = chooseRuns(content, input.runs);
    const steps = runs.reduce((sum, run) => sum + run.totalSteps, 0);
    const missing = content.data.filter((data) => data.file === null);
    const author = content.author === '' ? 'an unnamed author' : content.author;
    const lines = [
      `Bundle ${JSON.stringify(content.name)} by ${author}, made with Reprise ${content.reprise}, licence ${content.license}`,
      `digest ${bundle.digest}`,
      `It would train ${runs.length} of ${content.runs.length} runs (${steps} steps in all) with Reprise's own training graphs:`,
      ...runs.map((run) => `  ${run.manifest.reproductionId}  ${run.manifest.config.model.kind}, ${run.manifest.config.data.kind}, seed ${run.manifest.config.seed}, ${run.totalSteps} steps, ${run.manifest.config.executor.threads} thread(s)`),
      'No program of the bundle is executed, nothing is sent over the network, and nothing is written outside the workspace folder.',
      ...missing.map((data) => `Its data set from ${data.source} is not in the bundle.`),
    ];
    return { digest: bundle.digest, name: content.name, lines, problems: [] };
  } finally {
    bundle.close();
  }
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
