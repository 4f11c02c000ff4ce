/** What each variant changed: the effect plot, how it was made, and which cells are missing from it. */
import { useMemo } from 'react';
import type { ComparisonView } from '../../../src/api/rows';
import { EffectChart } from '../../charts/effect-chart';
import { variantStyle } from '../../charts/palette';
import type { Effect } from '../../charts/types';
import { Section } from '../../frame/view';
import { plural } from '../../format';
import { go } from '../../state/place';
import { byEffect, pairedDifferences, percent, unitText, type Progress } from './numbers';

/** Cells that have no value and will get none by themselves, each with its run. */
export function Missing({ cells }: { readonly cells: Progress['lost'] }) {
  return (
    <div className="compare-missing">
      <p>{plural(cells.length, 'missing cell')}, left out of every number here:</p>
      <ul>
        {cells.map(({ variant, seed, run, reason }) => (
          <li key={`${variant} ${seed}`}>
            {variant}: seed {seed}, {reason}
            {run !== null && (
              <>
                {' '}
                <button type="button" className="compare-link" aria-label={`Open run of ${variant}, seed ${seed}`} onClick={() => go({ view: 'run', run })}>
                  Open run
                </button>
              </>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What the statistics say about themselves: a difference without spread, other test data. */
function Warnings({ variants }: { readonly variants: ComparisonView['variants'] }) {
  const warned = variants.filter(({ delta }) => typeof delta?.warning === 'string');
  if (warned.length === 0) return null;
  return (
    <div className="compare-missing">
      <p>{plural(warned.length, 'warning')}:</p>
      <ul>
        {warned.map(({ name, delta }) => (
          <li key={name}>
            {name}: {delta?.warning}
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Effects({ comparison, progress }: { readonly comparison: ComparisonView; readonly progress: Progress }) {
  const { variants, metric, confidence, experiment } = comparison;
  const effects = useMemo<readonly Effect[]>(
    () =>
      byEffect(variants).map(({ variant, place }) => ({
        name: variant.name,
        style: variantStyle(place),
        n: variant.delta?.n ?? 0,
        mean: variant.delta?.mean ?? null,
        ci: variant.delta?.ci ?? null,
        points: pairedDifferences(variant, variants[0]),
        ...(typeof variant.delta?.warning === 'string' ? { note: variant.delta.warning } : {}),
      })),
    [variants],
  );
  const known = effects.some(({ mean }) => mean !== null);
  const simultaneous = effects.length > 1 ? 'simultaneous ' : '';
  return (
    <Section title="Effects" aside={known ? 'sorted by effect' : undefined}>
      {!known ? (
        <p className="compare-nothing soft">{effects.length === 0 ? 'There is one variant, so there is nothing to compare it with.' : 'No variant and the baseline have finished with the same seed yet.'}</p>
      ) : (
        <EffectChart effects={effects} xTitle={`Difference in ${metric} to ${variants[0]?.name ?? 'the baseline'}${unitText(comparison.unit)}`} label={`Difference in ${metric} of each variant to the baseline`} exportName={`${experiment} effects`} />
      )}
      {known && (
        <p className="compare-method soft">
          Point: mean difference over seeds. Bar: {simultaneous}
          {percent(confidence)} interval. Small points: single seeds. n: pairs of runs with the same seed.
        </p>
      )}
      <p className="compare-method soft">{comparison.method}</p>
      <Warnings variants={variants} />
      {progress.lost.length > 0 && <Missing cells={progress.lost} />}
    </Section>
  );
}
