/** What each variant changed: the effect plot, how it was made, and which cells are missing from it. */
import { useMemo } from 'react';
import type { ComparisonView } from '../../../src/api/rows';
import { EffectChart } from '../../charts/effect-chart';
import { variantStyle } from '../../charts/palette';
import type { Effect } from '../../charts/types';
import { Section } from '../../frame/view';
import { plural } from '../../format';
import { go } from '../../state/place';
import { byEffect, pairedDifferences, percent, type Progress } from './numbers';

function Missing({ cells }: { readonly cells: Progress['lost'] }) {
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
  const simultaneous = effects.length > 1 ? 'simultaneous ' : '';
  return (
    <Section title="Effects" aside="sorted by effect">
      {effects.length === 0 ? (
        <p className="soft">There is one variant, so there is nothing to compare it with.</p>
      ) : (
        <div className={progress.pending > 0 ? 'compare-provisional' : undefined}>
          <EffectChart effects={effects} xTitle={`Difference in ${metric} to ${variants[0]?.name ?? 'the baseline'}`} label={`Difference in ${metric} of each variant to the baseline`} exportName={`${experiment} effects`} />
        </div>
      )}
      {effects.length > 0 && (
        <p className="compare-method soft">
          Point: mean difference over seeds. Bar: {simultaneous}
          {percent(confidence)} interval. Small points: single seeds. n: pairs of runs with the same seed.
        </p>
      )}
      <p className="compare-method soft">{comparison.method}</p>
      {progress.lost.length > 0 && <Missing cells={progress.lost} />}
    </Section>
  );
}
