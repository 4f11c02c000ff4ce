/** How fit the run is to be repeated: what to do first, then what is there already. */
import type { Score, ScoreFact } from '../../../src/api/provenance';
import { Fact } from '../../components/fact';
import { Hash } from '../../components/hash';
import { Failure, Loading } from '../../components/messages';
import { StateShape } from '../../components/state-mark';
import { Section } from '../../frame/view';
import * as format from '../../format';
import { useAnswer } from '../../state/answers';

const MARKS = { good: { shape: 'finished', word: 'Good' }, missing: { shape: 'cancelled', word: 'Missing' }, bad: { shape: 'failed', word: 'Bad' } } as const;

function Row({ fact: { title, state, found, fix, weight } }: { readonly fact: ScoreFact }) {
  const { shape, word } = MARKS[state];
  return (
    <tr>
      <td>
        <span className={`state ${shape}`}>
          <StateShape status={shape} />
          {word}
        </span>
      </td>
      <td>{title}</td>
      <td className="run-score-found">
        {/^[0-9a-f]{40,64}$/u.test(found) ? <Hash value={found} of={title} /> : found}
        {fix !== null && <p className="soft">{fix}</p>}
      </td>
      <td className="number">{weight}</td>
    </tr>
  );
}

function Facts({ title, found, facts }: { readonly title: string; readonly found: string; readonly facts: readonly ScoreFact[] }) {
  if (facts.length === 0) return null;
  return (
    <Section title={title}>
      <table className="dense run-score" aria-label={title}>
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Fact</th>
            <th scope="col">{found}</th>
            <th scope="col" className="number">Points</th>
          </tr>
        </thead>
        <tbody>
          {facts.map((fact) => (
            <Row key={fact.id} fact={fact} />
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function Quality({ quality }: { readonly quality: Score['quality'] }) {
  return (
    <Section title="Completeness">
      <dl className="run-leaves">
        {quality.map(({ name, percent, definition, missing }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {percent.toFixed(0)} %{missing.length > 0 && `; missing: ${missing.join(', ')}`}
              <p className="soft">{definition}</p>
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

export function RunScore({ run }: { readonly run: string }) {
  const answer = useAnswer('runs.score', { target: run }, { fresh: true });
  const { data } = answer;
  if (data === undefined) return answer.isError ? <Failure title="The run could not be scored" error={answer.error} onRetry={() => void answer.refetch()} /> : <Loading text="Looking at what was recorded…" />;
  const open = data.facts.filter(({ state }) => state !== 'good').toSorted((left, right) => right.weight - left.weight);
  const good = data.facts.filter(({ state }) => state === 'good');
  return (
    <div className="run-panel">
      <dl className="run-facts numbers">
        <Fact name="Reproducibility score">{data.score.toFixed(0)} of 100</Fact>
        <Fact name="To do">{format.plural(open.length, 'fact')}</Fact>
      </dl>
      <p className="soft run-score-method">The share of the points of all facts that apply to this run whose fact is good.</p>
      <Facts title="To do, most points first" found="Found, and what to do" facts={open} />
      <Facts title="Recorded" found="Found" facts={good} />
      <Quality quality={data.quality} />
    </div>
  );
}
