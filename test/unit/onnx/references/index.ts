/** Every differentiable operator once more, written for clarity in float64. */
import { arithmeticReferences } from './arithmetic';
import { elementwiseReferences } from './elementwise';
import { layerReferences } from './layers';
import { recurrentReferences } from './lstm';
import { reductionReferences } from './reductions';
import { shapingReferences } from './shaping';
import type { Reference } from './sample';

export { results, type Reference, type Sample, type Value } from './sample';

/** One reference for each operator of the registry, by name. */
export const references: Readonly<Record<string, Reference>> = { ...arithmeticReferences, ...elementwiseReferences, ...layerReferences, ...reductionReferences, ...shapingReferences, ...recurrentReferences };
