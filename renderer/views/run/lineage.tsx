/** Where a run came from and what stands on it. */
import type { RunDetails } from '../../../src/api/views';
import { StateMark } from '../../components/state-mark';
import { Section } from '../../frame/view';
import * as format from '../../format';
import { go } from '../../state/place';

export function Lineage({ details: { attempts, lineage, run } }: { readonly details: RunDetails }) {
  return (
    <div className="run-panel run-columns">
      <Section title="Used by">
        {lineage.usedBy.length === 0 ? (
          <p className="soft">No ablation: it was started by itself.</p>
        ) : (
          <ul className="run-list">
            {lineage.usedBy.map((use) => (
              <li key={use.studyId}>
                <button type="button" className="run-link" onClick={() => go({ view: 'study', studyId: use.studyId })}>
                  {use.experiment}
                </button>
                <span className="soft">
                  as {use.variant}, {format.moment(use.createdAt)}
                  {use.studyId === lineage.study?.studyId ? '; trained for it' : '; reused'}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Section title="Attempts">
        {attempts.length === 0 ? (
          <p className="soft">None yet.</p>
        ) : (
          <table className="dense wide">
            <thead>
              <tr>
                <th scope="col" className="number">
                  Attempt
                </th>
                <th scope="col" className="number">
                  From step
                </th>
                <th scope="col">Started</th>
                <th scope="col">Ended</th>
                <th scope="col">How it ended</th>
              </tr>
            </thead>
            <tbody>
              {attempts.map((attempt) => (
                <tr key={attempt.attempt}>
                  <td className="number">{attempt.attempt}</td>
                  <td className="number">{format.count(attempt.fromStep)}</td>
                  <td>{format.moment(attempt.startedAt)}</td>
                  <td>{attempt.endedAt === null ? '–' : format.moment(attempt.endedAt)}</td>
                  <td>{attempt.ending}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Section>
      <Section title="Runs with the same compute hash">
        {lineage.twins.length === 0 ? (
          <p className="soft">None: this is the only run of its numbers here.</p>
        ) : (
          <ul className="run-list">
            {lineage.twins.map((twin) => (
              <li key={twin.runId}>
                <button type="button" className="run-link mono" onClick={() => go({ view: 'run', run: twin.runId })}>
                  {twin.runId}
                </button>
                <StateMark status={twin.status} />
                <span className="soft">{twin.weightsHash === null || run.weightsHash === null ? '' : twin.weightsHash === run.weightsHash ? 'same weights' : 'other weights'}</span>
              </li>
            ))}
          </ul>
        )}
      </Section>
    </div>
  );
}
