/** Which classes the examples of the test split were taken for: a matrix, shaded by the share of each row. */
import type { CSSProperties } from 'react';
import { Section } from '../../frame/view';
import * as format from '../../format';
import { useAnswer } from '../../state/answers';
import { confusionFacts, percentText, type ClassFacts, type Mistake } from './confusion-facts';
import './confusion.css';

/** Of more classes the cells have no room for numbers; their words tell them. */
const MOST_WRITTEN = 20;
const MISTAKES_NAMED = 5;

function mistakeInWords({ was, taken, count }: Mistake): string {
  return `${was} for ${taken} (${format.count(count)})`;
}

function Row({ facts, classes, written }: { readonly facts: ClassFacts; readonly classes: readonly string[]; readonly written: boolean }) {
  const { name, counts, examples, recall } = facts;
  return (
    <tr>
      <th scope="row">{name}</th>
      {counts.map((count, column) => {
        const share = examples === 0 ? 0 : count / examples;
        const words = `${name} taken for ${classes[column]}: ${format.count(count)} of ${format.count(examples)} (${percentText(share)})`;
        return (
          <td key={classes[column]} className={count === 0 ? 'soft' : undefined} title={words} style={{ '--share': share } as CSSProperties}>
            {written ? format.count(count) : <span className="hidden">{count}</span>}
          </td>
        );
      })}
      <td className="confusion-sum">{format.count(examples)}</td>
      <td className="confusion-sum">{percentText(recall)}</td>
    </tr>
  );
}

export function Confusion({ run, tested }: { readonly run: string; readonly tested: boolean }) {
  const { data } = useAnswer('runs.confusion', tested ? { run } : null);
  if (data === undefined || data === null) return null;
  const { classes } = data;
  const { rows, precision, examples, right, mistakes } = confusionFacts(data);
  const written = classes.length <= MOST_WRITTEN;
  const named = mistakes.slice(0, MISTAKES_NAMED);
  return (
    <Section title="Confusion matrix">
      <div className="confusion-scroll" tabIndex={0} role="region" aria-label="Examples by class">
        <table className={`confusion numbers${written ? '' : ' confusion-small'}`}>
          <caption className="hidden">Examples of each class of the test split, by what they were taken for</caption>
          <thead>
            <tr>
              <th scope="col" className="confusion-corner soft">
                True class, taken for
              </th>
              {classes.map((name) => (
                <th key={name} scope="col" title={name}>
                  {written ? name : <span className="hidden">{name}</span>}
                </th>
              ))}
              <th scope="col" className="confusion-sum">
                n
              </th>
              <th scope="col" className="confusion-sum">
                Recall
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((facts) => (
              <Row key={facts.name} facts={facts} classes={classes} written={written} />
            ))}
          </tbody>
          {written && (
            <tfoot>
              <tr>
                <th scope="row">Precision</th>
                {precision.map((share, column) => (
                  <td key={classes[column]}>{percentText(share)}</td>
                ))}
                <td className="confusion-sum">{format.count(examples)}</td>
                <td className="confusion-sum" />
              </tr>
            </tfoot>
          )}
        </table>
      </div>
      <p className="soft small run-curves-note">
        Test split at the selected checkpoint: {format.count(right)} of {format.plural(examples, 'example')} told right. A row is a class, a column what its examples were taken for; shaded by the share of the row.
        {named.length > 0 && ` Most often mistaken: ${named.map(mistakeInWords).join(', ')}.`}
      </p>
    </Section>
  );
}
