/** Use case: which classes a run's test examples were taken for. */
import { readFile } from 'node:fs/promises';
import type { Input, Output } from '../api/contract';
import { RepriseError } from '../errors/errors';
import { confusionSchema } from '../events/confusion';
import type { Store } from '../store/types';
import type { EngineContext } from './context';

/** Null where a run has no such matrix: its targets are no classes, there are too many, or it has not been tested. @throws RepriseError ARTIFACT_DAMAGED */
export async function confusionOf(store: Store, runId: string): Promise<Output<'runs.confusion'>> {
  const artifact = store.artifacts(runId).find(({ name }) => name === 'confusion-matrix');
  if (artifact === undefined) return null;
  const file = store.objectPath(artifact.sha256);
  try {
    const { classes, counts } = confusionSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return { classes, counts };
  } catch (error) {
    throw new RepriseError('ARTIFACT_DAMAGED', `The confusion matrix of run ${runId} cannot be read from ${file}.`, { kind: 'system', hint: '`reprise workspace check` tells what else is missing or damaged.', cause: error });
  }
}

/** @throws RepriseError ARTIFACT_DAMAGED */
export async function readConfusion({ store }: EngineContext, input: Input<'runs.confusion'>): Promise<Output<'runs.confusion'>> {
  return confusionOf(store, store.getRun(input.run).runId);
}
