/** A second level for a leaf that becomes a factor. */
import type { RunConfig } from '../config/command';
import { sameValue } from '../config/diff';
import type { Field } from '../config/fields';
import { parseConfig } from '../config/parse';
import { withValue } from './paths';

const rounded = (value: number): number => Number(value.toPrecision(6));

/** What is worth trying beside a value, best first. To take something away is what an ablation asks first. */
function candidates(field: Field, present: unknown): unknown[] {
  const { of } = field;
  switch (of.type) {
    case 'number': {
      const value = typeof present === 'number' ? present : 0;
      if (value === 0) return [0.1, 0.01, 1];
      return [...(of.range.min === 0 && !of.range.openMin ? [0] : []), rounded(value / 10), rounded(value / 2), rounded(value * 2)];
    }
    case 'integer': {
      const value = typeof present === 'number' ? present : 0;
      return value === 0 ? [...(field.unit === 'steps' ? [100] : []), 1, 2] : [value * 2, Math.floor(value / 2), value + 2, value - 2, value + 1];
    }
    case 'integers': {
      const values = Array.isArray(present) ? present.filter((entry): entry is number => typeof entry === 'number') : [];
      return values.length === 0 ? [[64], [8]] : [values.map((value) => Math.max(1, Math.floor(value / 2))), values.map((value) => value * 2)];
    }
    case 'boolean':
      return [present !== true];
    case 'choice':
      return of.options.filter((option) => option !== present);
    case 'kind':
      return of.options.filter((option) => option !== present).map((kind) => ({ kind }));
    case 'text':
    case 'texts':
      return [];
  }
}

/**
 * A value that differs from the present one and gives a valid config; null where none suggests itself (texts).
 * @param baseline the complete baseline, null where it has problems: then the first candidate is taken unchecked
 */
export function suggestLevel(field: Field, baseline: RunConfig | null): unknown {
  const present = field.value ?? field.fallback;
  const fits = (value: unknown): boolean => {
    if (sameValue(value, present)) return false;
    if (baseline === null) return true;
    try {
      parseConfig(withValue(baseline, field.factorPath, value));
      return true;
    } catch {
      return false;
    }
  };
  return candidates(field, present).find(fits) ?? null;
}
