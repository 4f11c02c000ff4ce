/** `reprise sample`: the sample ablation from start to bundle, as a first-time user would go through it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../engine/package-info';
import { comparisonText } from '../../engine/compare';
import { print, printJson, say } from '../output';
import { call, withEngine, workspaceOf, type GlobalOptions } from '../session';
import { runStudy } from './training';

export async function sample(_args: readonly string[], options: GlobalOptions): Promise<number> {
  const study = join(packageRoot, 'resources', 'samples', 'mnist-ablation.yaml');
  return withEngine(options, 'host', async (engine) => {
    const stop = engine.on('progress', (progress) => say(progress.text));
    const { result, cancelled } = await runStudy(engine, { study, reuse: true }, options);
    if (cancelled) return 130;
    const { experiment } = result;
    const comparison = await call(engine, 'compare.experiment', { experiment });
    const folder = join(workspaceOf(options), 'exports');
    await mkdir(folder, { recursive: true });
    const report = await call(engine, 'report.write', { target: experiment, format: 'html', out: join(folder, `${experiment}.html`), overwrite: true });
    const bundle = await call(engine, 'bundle.export', { target: experiment, out: join(folder, `${experiment}.crate.zip`), license: 'CC0-1.0', overwrite: true });
    stop();
    if (options.json === true) printJson({ comparison, report: report.file, bundle: bundle.file, digest: bundle.digest });
    else {
      print(comparisonText(comparison));
      print(`\nreport  ${report.file}`);
      print(`bundle  ${bundle.file}`);
      print(`digest  ${bundle.digest}`);
      print(`\nRe-execute it with:\n  npm run -s reprise -- reproduce ${JSON.stringify(bundle.file)} --trust ${bundle.digest}`);
    }
    return result.runs.every((row) => row.status === 'finished') ? 0 : 1;
  });
}
