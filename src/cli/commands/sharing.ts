/** Commands that hand work to others and take it from them: report, export, verify, reproduce. */
import { formatPlain } from '../../analysis/format';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { RepriseError } from '../../errors/errors';
import type { ReproduceView } from '../../api/rows';
import { planReproduction, verify as verifyFile } from '../../engine/bundles';
import { reproduceBundle } from '../../engine/reproduce';
import { print, printJson, say, table } from '../output';
import { ProgressPrinter } from '../progress';
import { call, spawnWorker, withEngine, workspaceOf, type GlobalOptions } from '../session';

export async function report([target = '']: readonly string[], options: GlobalOptions & { out: string; format?: string; force?: boolean }): Promise<number> {
  const format = options.format ?? (/\.html?$/iu.test(options.out) ? 'html' : 'md');
  if (format !== 'md' && format !== 'html') {
    throw new RepriseError('FORMAT_UNKNOWN', `--format is ${JSON.stringify(format)}, must be md or html.`, { kind: 'input' });
  }
  return withEngine(options, 'look', async (engine) => {
    const written = await call(engine, 'report.write', { target, format, out: options.out, overwrite: options.force === true });
    if (options.json === true) printJson(written);
    else print(`report  ${written.file}`);
    return 0;
  });
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim();
  } finally {
    terminal.close();
  }
}

const interactive = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

export async function exportCommand(
  [target = '']: readonly string[],
  options: GlobalOptions & { out: string; license?: string; data?: boolean; calibrate?: boolean; force?: boolean },
): Promise<number> {
  const license = options.license ?? (interactive() ? await ask('Licence you share this under (SPDX identifier, such as CC-BY-4.0): ') : '');
  if (license === '') {
    throw new RepriseError('LICENSE_MISSING', 'A bundle needs a licence: whoever opens it must know what they may do with it.', {
      kind: 'input',
      hint: 'Add --license with an SPDX identifier, such as --license CC-BY-4.0.',
    });
  }
  return withEngine(options, 'look', async (engine) => {
    const printer = engine.on('progress', (progress) => say(progress.text));
    const written = await call(engine, 'bundle.export', {
      target,
      out: options.out,
      license,
      overwrite: options.force === true,
      includeData: options.data ?? true,
      calibrate: options.calibrate ?? true,
    });
    printer();
    if (options.json === true) printJson(written);
    else {
      print(`bundle  ${written.file}`);
      print(`digest  ${written.digest}`);
      for (const { run, name } of written.leftOut) say(`left out: run ${run}${name === null ? '' : ` (${name})`}, which another program logged: nobody recorded what would execute it again.`);
    }
    return 0;
  });
}

export async function verify([file = '']: readonly string[], options: GlobalOptions): Promise<number> {
  const result = await verifyFile(file);
  if (options.json === true) printJson(result);
  else {
    print(result.valid ? `valid: every hash of ${file} is right (${result.runs.length} run${result.runs.length === 1 ? '' : 's'}, licence ${result.license}).` : `not valid: ${result.problems.length} problem${result.problems.length === 1 ? '' : 's'} in ${file}.`);
    for (const problem of result.problems) print(`  ${problem.path}: ${problem.message}`);
    print(`digest  ${result.digest}`);
  }
  return result.valid ? 0 : 1;
}

const EXIT_OF_VERDICT: Readonly<Record<ReproduceView['verdict'], number>> = {
  identical: 0,
  'within-tolerance': 0,
  diverged: 1,
  inconclusive: 3,
  'not-comparable': 3,
  'not-executed': 3,
};

export async function reproduce([file = '']: readonly string[], options: GlobalOptions & { trust?: string; runs?: number; data?: string }): Promise<number> {
  const plan = await planReproduction({ file, ...(options.runs === undefined ? {} : { runs: options.runs }), ...(options.data === undefined ? {} : { data: options.data }) });
  for (const line of plan.lines) say(line);
  let trust = options.trust;
  if (trust === undefined && interactive()) {
    const answer = await ask('Run this on your machine? Type yes to trust this bundle: ');
    if (answer.toLowerCase() !== 'yes') throw new RepriseError('NOT_TRUSTED', 'Nothing was run: the bundle was not trusted.', { kind: 'cancelled' });
    trust = plan.digest;
  }
  if (trust === undefined) {
    throw new RepriseError('TRUST_REQUIRED', `Nothing was run: re-executing ${file} needs your consent.`, {
      kind: 'input',
      hint: plan.problems.length === 0 ? `If you trust where it came from, add --trust ${plan.digest}` : 'It is not as it was exported: look at `reprise verify` before you trust it.',
    });
  }
  const printer = new ProgressPrinter();
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    const { result, verdictId, notKept } = await reproduceBundle({
      file,
      trust,
      runs: options.runs,
      data: options.data,
      root: workspaceOf(options),
      spawn: spawnWorker,
      cores: availableParallelism(),
      signal: stop.signal,
      onRuns: (runs) => printer.expect(runs.length),
      onRun: (row) => printer.update(row),
    });
    printer.end();
    if (verdictId !== null) say(`The verdict is kept as ${verdictId} in ${workspaceOf(options)}: the window lists it under Bundles.`);
    else say(`warning: The verdict could not be kept: ${notKept ?? ''}`);
    if (options.json === true) printJson(result);
    else printVerdict(result);
    return EXIT_OF_VERDICT[result.verdict];
  } finally {
    printer.end();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

function printVerdict(result: ReproduceView): void {
  print(
    table(
      ['run', 'variant', 'seed', 'verdict', 'first divergent step', 'max rel. difference'],
      result.runs.map((run) => [run.reproductionId, run.variant ?? '–', String(run.seed), run.verdict, run.firstDivergentStep === null ? '–' : String(run.firstDivergentStep), run.maxRelativeDifference === null ? '–' : formatPlain(run.maxRelativeDifference)]),
    ),
  );
  const told = result.runs.filter(({ verdict }) => verdict !== 'identical' && verdict !== 'not-executed');
  // Runs of one machine mostly part for one reason, which is said once.
  const common = told.length > 1 ? (told[0]?.causes ?? []).filter((cause) => told.every(({ causes }) => causes.includes(cause))) : [];
  for (const run of told) {
    print(`\n${run.reproductionId}: ${run.sentence}`);
    for (const cause of run.causes) if (!common.includes(cause)) print(`  ${cause}`);
  }
  if (common.length > 0) print(`\nOf all ${told.length} of them:\n${common.map((cause) => `  ${cause}`).join('\n')}`);
  const left = new Map<string, string[]>();
  for (const { verdict, sentence, reproductionId } of result.runs) if (verdict === 'not-executed') left.set(sentence, [...(left.get(sentence) ?? []), reproductionId]);
  for (const [sentence, ids] of left) print(`\n${ids.join(', ')}: ${ids.length === 1 ? sentence : sentence.replace(/^This run was/u, 'These runs were')}`);
  print(`\nverdict: ${result.verdict}. ${result.sentence}`);
}
