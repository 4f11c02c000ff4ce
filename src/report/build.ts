import { configurationBlocks } from './configuration';
import { informationBlocks, noteBlocks, validationBlocks } from './closing';
import { utc, type ReportDocument } from './document';
import { count, seedsOf, supersededInWords } from './facts';
import { instructionBlocks } from './instructions';
import type { ReportModel } from './model';
import { trackedDocument, type TrackedReport } from './tracked';
import { resultBlocks } from './results';

/** A report of trainings, or of other runs. */
export type AnyReport = ReportModel | TrackedReport;

/** The whole report, for either format. */
export function buildDocument(model: AnyReport): ReportDocument {
  if ('of' in model) return trackedDocument(model);
  const finished = model.runs.filter(({ row }) => row.status === 'finished').length;
  const variants = model.study?.variants.length ?? model.comparison?.variants.length ?? 0;
  const superseded = supersededInWords(model);
  const what = model.kind === 'run' ? `One run, seed ${seedsOf(model).join(', ')}, ${model.runs[0]?.row.status ?? 'absent'}.` : `${count(variants, 'variant')}, ${count(seedsOf(model).length, 'seed')}, ${finished} of ${count(model.runs.length, 'run')} finished${superseded === '' ? '' : `; ${superseded} left out`}.`;
  return {
    title: `Reproducibility report: ${model.title}`,
    lead: `${what} Written ${utc(Date.parse(model.generatedAt))} by Reprise ${model.reprise}.`,
    blocks: [...configurationBlocks(model), ...resultBlocks(model), ...informationBlocks(model), ...instructionBlocks(model), ...validationBlocks(model), ...noteBlocks(model)],
  };
}
