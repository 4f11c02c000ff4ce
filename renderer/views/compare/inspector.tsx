/** The selected variant in the inspector, or the comparison as a whole. */
import { decimalsAlone, decimalsFor, formatFixed } from '../../../src/analysis/format';
import type { ComparisonView } from '../../../src/api/rows';
import { Section } from '../../frame/view';
import { go } from '../../state/place';
import { deltaParts, meanParts, percent, progressOf, pText, unitText, type ComparedVariant } from './numbers';

function Facts({ items }: { readonly items: readonly (readonly [string, string])[] }) {
  return (
    <dl className="compare-facts numbers">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function meanText(variant: ComparedVariant): string {
  return meanParts(variant)?.join(' ± ') ?? 'no value';
}

/** Where no variant is selected. */
export function ComparisonDetails({ comparison }: { readonly comparison: ComparisonView }) {
  const { metric, higherIsBetter, confidence, variants } = comparison;
  const { finished, total, lost } = progressOf(comparison);
  return (
    <>
      <Section title="Comparison">
        <Facts
          items={[
            ['Metric', `${metric}${unitText(comparison.unit)}`],
            ['Better', higherIsBetter ? 'higher' : 'lower'],
            ['Variants', String(variants.length)],
            ['Runs finished', finished === total ? String(total) : `${finished} of ${total}`],
            ['Missing cells', String(lost.length)],
            ['Confidence', percent(confidence)],
          ]}
        />
      </Section>
      <p className="soft">Select a variant in the table to see it here; Enter or a double click shows its seeds.</p>
    </>
  );
}

export function VariantDetails({ variant, comparison }: { readonly variant: ComparedVariant; readonly comparison: ComparisonView }) {
  const { metric, confidence } = comparison;
  const { delta, sd, mean, values } = variant;
  const [difference, low, high] = (delta === null ? null : deltaParts(delta)) ?? [];
  return (
    <>
      <Section title="Variant">
        <p className="compare-words">{variant.name}</p>
        <p className="compare-words soft">{delta === null ? 'The baseline: every other variant is compared with it.' : variant.summary}</p>
      </Section>
      <Section title={`${metric.charAt(0).toUpperCase()}${metric.slice(1)}`}>
        <Facts
          items={[
            ['n', String(variant.n)],
            [variant.ci === null ? 'Mean' : `Mean ± ${percent(confidence)} interval`, meanText(variant)],
            ['SD over seeds', sd === null ? '–' : formatFixed(sd, decimalsFor(sd) ?? decimalsAlone(mean ?? 0))],
          ]}
        />
      </Section>
      {delta !== null && (
        <Section title="Difference to the baseline">
          <Facts
            items={[
              ['Pairs', String(delta.n)],
              ['Mean', difference ?? 'no pairs'],
              [`${percent(confidence)} interval${comparison.variants.length > 2 ? ', simultaneous' : ''}`, low === undefined || high === undefined ? '–' : `${low} to ${high}`],
              [comparison.variants.length > 2 ? 'Adjusted p' : 'p', pText(delta.pValue)],
              ['Correlation of the pairs', delta.correlation === null ? '–' : formatFixed(delta.correlation, 2)],
            ]}
          />
          {delta.warning !== null && <p className="compare-warning">{`${delta.warning.charAt(0).toUpperCase()}${delta.warning.slice(1)}.`}</p>}
        </Section>
      )}
      <Section title="Runs">
        <ul className="compare-runs numbers">
          {values.map(({ seed, run, value }) => (
            <li key={run}>
              <button type="button" className="compare-link" onClick={() => go({ view: 'run', run })}>
                {seed === null ? 'run without a seed' : `seed ${seed}`}
              </button>
              <span>{formatFixed(value, decimalsAlone(value))}</span>
            </li>
          ))}
        </ul>
      </Section>
    </>
  );
}
