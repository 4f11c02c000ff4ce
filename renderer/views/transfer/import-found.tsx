/** What an import found or did: counts, problems by name, and the runs. */
import { memo } from 'react';
import type { ImportResultView } from '../../../src/api/imports';
import { Fact } from '../../components/fact';
import * as format from '../../format';
import { Section } from '../../frame/view';
import { byExperiment, FORMATS, outcomeInWords, OUTCOMES } from '../../import-words';
import { Facts } from '../bundles/facts';

/** Most that is listed of each; the rest is counted. */
const MOST_RUNS = 200;
const MOST_PROBLEMS = 50;
const MOST_EXPERIMENTS = 5;

function experimentsInWords(runs: ImportResultView['runs']): string {
  const all = byExperiment(runs);
  const named = all.slice(0, MOST_EXPERIMENTS).map(({ experiment, runs: count }) => `${experiment} (${format.count(count)})`);
  return [...named, ...(all.length > MOST_EXPERIMENTS ? [`${format.count(all.length - MOST_EXPERIMENTS)} more`] : [])].join(', ');
}

function Problems({ problems }: { readonly problems: ImportResultView['problems'] }) {
  return (
    <Section title="Left out" aside={format.plural(problems.length, 'problem')}>
      <ul className="bundles-list transfer-problems">
        {problems.slice(0, MOST_PROBLEMS).map(({ path, message }, index) => (
          // Two problems of a file may be told in the same words.
          // oxlint-disable-next-line react/no-array-index-key
          <li key={index}>
            <p>{message}</p>
            <p className="mono soft transfer-path">{path}</p>
          </li>
        ))}
      </ul>
      {problems.length > MOST_PROBLEMS && <p className="soft">and {format.count(problems.length - MOST_PROBLEMS)} more</p>}
    </Section>
  );
}

/** Where a run lies, as seen from what is imported. */
function within(path: string, from: string): string {
  return from.startsWith(path) ? from.slice(path.length).replace(/^[/\\]+/u, '') || (path.split(/[/\\]/u).at(-1) ?? path) : from;
}

const Runs = memo(function Runs({ path, runs, when, experiment }: { readonly path: string; readonly runs: ImportResultView['runs']; readonly when: 'planned' | 'done'; readonly experiment: string }) {
  return (
    <Section title="Runs" aside={format.plural(runs.length, 'run')}>
      <div className="transfer-runs" tabIndex={0} role="region" aria-label="Runs that were found">
        <table className="dense">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Experiment</th>
              <th scope="col">State</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {runs.slice(0, MOST_RUNS).map(({ run, name, experiment: own, from, outcome }) => {
              const into = experiment === '' || outcome !== 'new' ? own : experiment;
              return (
                <tr key={run} className={outcome === 'present' ? 'soft' : undefined}>
                  <td className="truncate" title={name ?? run}>
                    {name ?? run.slice(0, 8)}
                  </td>
                  <td className="truncate" title={into}>
                    {into}
                  </td>
                  <td>{OUTCOMES[when][outcome]}</td>
                  <td className="truncate mono" title={from}>
                    {within(path, from)}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {runs.length > MOST_RUNS && <p className="soft transfer-more">and {format.plural(runs.length - MOST_RUNS, 'more run', 'more runs')}</p>}
    </Section>
  );
});

export interface FoundProps {
  readonly result: ImportResultView;
  /** Before the import, or after it. */
  readonly when: 'planned' | 'done';
  readonly stale: boolean;
  /** The experiment that new runs go into; empty: as the source says. */
  readonly experiment: string;
}

export function Found({ result, when, stale, experiment }: FoundProps) {
  const { format: kind, path, runs, problems } = result;
  const into = experiment === '' ? runs : runs.map((run) => (run.outcome === 'new' ? { ...run, experiment } : run));
  return (
    <div className={stale ? 'soft' : undefined} role="status">
      <Section title={when === 'planned' ? 'What is there' : 'Imported'} {...(stale ? { aside: 'looking again…' } : {})}>
        <Facts>
          <Fact name={when === 'planned' ? 'Recognised as' : 'Read as'}>{FORMATS[kind]}</Fact>
          <Fact name="Path">
            <span className="mono transfer-path">{path}</span>
          </Fact>
          <Fact name="Runs">{outcomeInWords(runs, when)}</Fact>
          {runs.length > 0 && <Fact name="Experiments">{experimentsInWords(into)}</Fact>}
        </Facts>
      </Section>
      {problems.length > 0 && <Problems problems={problems} />}
      {runs.length > 0 && <Runs path={path} runs={runs} when={when} experiment={experiment} />}
    </div>
  );
}
