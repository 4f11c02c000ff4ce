/** How far a study is, as a bar of states; the words beside it say the same. */
import type { StudySummary } from '../../../src/api/views';
import { stateLine } from './study-words';

const ORDER = ['finished', 'running', 'interrupted', 'failed', 'cancelled', 'queued'] as const;

export function StateBar({ study }: { readonly study: StudySummary }) {
  return (
    <span className="state-bar">
      <span className="state-bar-shape" aria-hidden="true">
        {ORDER.map((status) => {
          const count = study.byStatus[status] ?? 0;
          return count === 0 ? null : <span key={status} className={status} style={{ flexGrow: count }} />;
        })}
        {study.missing > 0 && <span style={{ flexGrow: study.missing }} />}
      </span>
      <span className="truncate">{stateLine(study, null)}</span>
    </span>
  );
}
