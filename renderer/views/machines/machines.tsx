/** Where runs can go: other machines, and this one with what it has and lacks, and where programs on it log to. */
import { useState } from 'react';
import { Button } from '@mantine/core';
import { ask, shell } from '../../client';
import { Failure, Loading, Problem } from '../../components/messages';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { complain, copy } from '../../notice';
import { useAnswer } from '../../state/answers';
import { useLive } from '../../state/live';
import { AddMachine } from './add-machine';
import { Checks, summary } from './checks';
import { Machine } from './machine';
import { MachineList } from './machine-list';
import { TrackingServer } from './tracking';
import './machines.css';

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

type Inspected = { readonly machine: string } | 'adding' | null;

export function Machines() {
  const doctor = useAnswer('doctor', {}, { fresh: true });
  const machines = useAnswer('machines.list', {}, { fresh: true });
  const [inspected, inspect] = useState<Inspected>(null);
  const close = (): void => inspect(null);
  const chosen = inspected === null || inspected === 'adding' ? undefined : machines.data?.find(({ name }) => name === inspected.machine);
  const inspector =
    inspected === 'adding'
      ? { title: 'Add a machine', content: <AddMachine onAdded={(machine) => inspect({ machine })} onCancel={close} /> }
      : chosen === undefined
        ? null
        : { title: chosen.name, content: <Machine machine={chosen} onRemoved={close} /> };
  return (
    <View title="Machines" subtitle={machines.data === undefined || machines.data.length === 0 ? 'This machine' : `This machine and ${format.plural(machines.data.length, 'other')}`} inspector={inspector} actions={<Button onClick={() => inspect('adding')}>Add machine</Button>}>
      <div className="machines-page">
        <Section title="Other machines">
          {machines.isError && <Problem error={machines.error} />}
          {machines.data !== undefined && <MachineList machines={machines.data} selected={chosen?.name ?? null} onSelect={(machine) => inspect({ machine })} />}
        </Section>
        {doctor.isPending && <Loading text="Looking at this machine…" />}
        {doctor.isError && doctor.data === undefined && <Failure title="This machine could not be looked at" error={doctor.error} onRetry={() => void doctor.refetch()} />}
        {doctor.data !== undefined && (
          <Section title="This machine" aside={doctor.isFetching ? 'checking…' : `${summary(doctor.data.checks, 'runs cannot be trained or stored')}, checked ${format.moment(doctor.dataUpdatedAt)}`}>
            <Checks checks={doctor.data.checks} stale={doctor.isFetching} />
            <div className="machines-buttons">
              <Button variant="default" size="compact-sm" disabled={doctor.isFetching} onClick={() => void doctor.refetch()}>
                Check again
              </Button>
            </div>
          </Section>
        )}
        <TrackingServer />
        <Workspace />
      </div>
    </View>
  );
}
