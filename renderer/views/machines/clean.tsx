/** What lies in a machine's folder and what of it may go: shown first, removed when a person says so. */
import { useState } from 'react';
import { Button } from '@mantine/core';
import { capitalized } from '../../../src/analysis/plain-text';
import { bytesOfAll, kindInWords, reasonInWords, type GoingThings, type MachineCleaned, type StayingThings } from '../../../src/api/machine-clean';
import { Problem } from '../../components/messages';
import * as format from '../../format';
import { Section } from '../../frame/view';
import { call } from '../../state/answers';

function Things({ title, things, days }: { readonly title: string; readonly things: readonly (GoingThings | StayingThings)[]; readonly days: number }) {
  if (things.length === 0) return null;
  return (
    <>
      <p className="machines-things">{title}</p>
      <ul className="machines-checks narrow" aria-label={title}>
        {things.map(({ kind, why, count, bytes, lastUse, names }) => (
          <li key={`${kind} ${why}`} title={`${names.slice(0, 10).join('\n')}${count > 10 ? '\n…' : ''}`}>
            <span>
              {kindInWords(kind)}
              {count > 1 && <span className="soft"> × {format.count(count)}</span>}
            </span>
            <span>{format.bytes(bytes)}</span>
            <span className="machines-found">
              {capitalized(reasonInWords(why, days))}; last used {format.moment(lastUse).slice(0, 10)}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Found({ found, busy, onRemove, onClose }: { readonly found: MachineCleaned; readonly busy: boolean; readonly onRemove: () => void; readonly onClose: () => void }) {
  const { name, folder, days, removed, going, staying, problems } = found;
  const freed = format.bytes(bytesOfAll(going));
  const asks = !removed && going.length > 0;
  return (
    <div className="machines-asking" role={asks ? 'alertdialog' : 'status'} aria-label={`Clean up ${name}`}>
      <p>
        {removed ? `${freed} removed from ` : going.length === 0 ? 'Nothing would go from ' : `Remove ${freed} from `}
        <span className="mono machines-path">{folder}</span>
        {asks ? '? What a run still needs stays. A failed or cancelled run whose folder goes begins anew when it is retried.' : '.'}
      </p>
      <Things title={removed ? 'Removed' : 'Would go'} things={going} days={days} />
      {problems.map((problem) => (
        <p key={problem} className="machines-path" role="alert">
          Could not be removed: {problem}
        </p>
      ))}
      <Things title={removed ? 'Left' : 'Stays'} things={staying} days={days} />
      <div className="machines-buttons">
        {asks && (
          <Button variant="default" size="compact-sm" loading={busy} onClick={onRemove}>
            Remove {freed}
          </Button>
        )}
        <Button variant="default" size="compact-sm" disabled={busy} onClick={onClose} autoFocus>
          {asks ? 'Keep all' : 'Close'}
        </Button>
      </div>
    </div>
  );
}

export function Clean({ name }: { readonly name: string }) {
  const [found, setFound] = useState<MachineCleaned | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const clean = (remove: boolean): void => {
    setBusy(true);
    setError(null);
    call('machines.clean', { name, remove })
      .then(setFound)
      .catch((reason: unknown) => setError(reason))
      .finally(() => setBusy(false));
  };
  return (
    <Section title="Disk" aside={busy ? (found === null ? 'looking…' : 'removing…') : undefined}>
      {found === null ? (
        <div className="machines-buttons first">
          <Button variant="default" size="compact-sm" disabled={busy} onClick={() => clean(false)}>
            Clean up…
          </Button>
        </div>
      ) : (
        <Found found={found} busy={busy} onRemove={() => clean(true)} onClose={() => setFound(null)} />
      )}
      {error !== null && <Problem error={error} />}
    </Section>
  );
}
