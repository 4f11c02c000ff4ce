/** This machine: where programs on it log to, what it has and what it lacks. */
import { Button } from '@mantine/core';
import type { DoctorView } from '../../../src/api/rows';
import { ask, shell } from '../../client';
import { Failure, Loading } from '../../components/messages';
import { StateShape } from '../../components/state-mark';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { complain, copy } from '../../notice';
import { useAnswer } from '../../state/answers';
import { useLive } from '../../state/live';
import { TrackingServer } from './tracking';
import './machines.css';

type Check = DoctorView['checks'][number];

/** The state that has the same shape and colour. */
const SHAPES = { ok: 'finished', warning: 'interrupted', missing: 'failed' } as const;
const WORDS = { ok: 'OK', warning: 'Warning', missing: 'Missing' } as const;

function CheckLine({ check: { name, status, found, hint } }: { readonly check: Check }) {
  return (
    <li>
      <span className={`state ${SHAPES[status]}`}>
        {status === 'warning' ? <WarningShape /> : <StateShape status={SHAPES[status]} />}
        {WORDS[status]}
      </span>
      <span>{name}</span>
      <span className="machines-found">
        {found}
        {hint !== null && <span className="machines-hint">{hint}</span>}
      </span>
    </li>
  );
}

function WarningShape() {
  return (
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      <path d="M6 1.2 11 10.5H1zM6 4.8v2.4M6 8.9v.1" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

async function showWorkspace(path: string): Promise<void> {
  try {
    await ask(shell.showInFolder({ path }));
  } catch (error) {
    complain('The workspace could not be shown', error);
  }
}

function Workspace() {
  const info = useLive((state) => state.info);
  if (info === null) return null;
  return (
    <Section title="Workspace">
      <p className="mono machines-path">{info.workspace}</p>
      <p className="soft">
        Trains on {format.plural(info.cores, 'core')}.{info.readOnly ? ' Opened for reading only: nothing can be started or changed here, because another program holds the workspace or the disk is write-protected.' : ''}
      </p>
      <div className="machines-buttons">
        <Button variant="default" size="compact-sm" onClick={() => void copy(info.workspace, 'path')}>
          Copy path
        </Button>
        <Button variant="default" size="compact-sm" onClick={() => void showWorkspace(info.workspace)}>
          Show in folder
        </Button>
      </div>
    </Section>
  );
}

function summary({ checks }: DoctorView): string {
  const missing = checks.filter(({ status }) => status === 'missing').length;
  const warnings = checks.filter(({ status }) => status === 'warning').length;
  if (missing > 0) return `${format.count(missing)} missing: runs cannot be trained or stored`;
  return warnings > 0 ? format.plural(warnings, 'warning') : 'nothing is missing';
}

export function Machines() {
  const doctor = useAnswer('doctor', {}, { fresh: true });
  return (
    <View
      title="Machines"
      subtitle="This machine"
      actions={
        <Button disabled={doctor.isFetching} onClick={() => void doctor.refetch()}>
          Check again
        </Button>
      }
    >
      <div className="machines-page">
        <TrackingServer />
        {doctor.isPending && <Loading text="Looking at this machine…" />}
        {doctor.isError && doctor.data === undefined && <Failure title="This machine could not be looked at" error={doctor.error} onRetry={() => void doctor.refetch()} />}
        {doctor.data !== undefined && (
          <Section title="Checks" aside={doctor.isFetching ? 'checking…' : `${summary(doctor.data)}, checked ${format.moment(doctor.dataUpdatedAt)}`}>
            <ul className={doctor.isFetching ? 'machines-checks stale' : 'machines-checks'}>
              {doctor.data.checks.map((check) => (
                <CheckLine key={check.name} check={check} />
              ))}
            </ul>
          </Section>
        )}
        <Workspace />
      </div>
    </View>
  );
}
