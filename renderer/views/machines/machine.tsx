/** One machine: where it is, what it has and lacks, and forgetting it. */
import { useState } from 'react';
import { Button } from '@mantine/core';
import type { MachineView } from '../../../src/api/machines';
import { ask, shell } from '../../client';
import { Fact } from '../../components/fact';
import { Problem } from '../../components/messages';
import * as format from '../../format';
import { Section } from '../../frame/view';
import { complain, say } from '../../notice';
import { call, outdated } from '../../state/answers';
import { Checks, summary } from './checks';
import { Clean } from './clean';

const KIND_WORDS = { docker: 'Docker Engine', ssh: 'Machine reached over SSH', slurm: 'Slurm cluster' } as const;

function Remove({ name, onRemoved }: { readonly name: string; readonly onRemoved: () => void }) {
  const [asking, setAsking] = useState(false);
  const remove = (): void => {
    call('machines.remove', { name })
      .then(() => {
        outdated('machines.list');
        say(`${name} is no longer known`);
        onRemoved();
      })
      .catch((error: unknown) => complain(`${name} could not be removed`, error));
  };
  if (!asking) {
    return (
      <Button variant="default" size="compact-sm" onClick={() => setAsking(true)}>
        Remove…
      </Button>
    );
  }
  return (
    <div className="machines-asking" role="alertdialog" aria-label={`Remove ${name}`}>
      <p>Forget {name}? What lies there stays, and its runs stay here; those that wait for it fail.</p>
      <div className="machines-buttons">
        <Button variant="default" size="compact-sm" onClick={remove}>
          Remove {name}
        </Button>
        <Button variant="default" size="compact-sm" onClick={() => setAsking(false)} autoFocus>
          Keep
        </Button>
      </div>
    </div>
  );
}

function Test({ machine }: { readonly machine: MachineView }) {
  const { name, test: last } = machine;
  const [testing, setTesting] = useState(false);
  const [error, setError] = useState<unknown>(null);
  /** Of the config that was compared, whose rows the newest test of the machine alone has not. */
  const [compared, setCompared] = useState<MachineView['test']>(null);
  const test = (config?: string): void => {
    setTesting(true);
    setError(null);
    call('machines.test', { name, ...(config === undefined ? {} : { config }) })
      .then((found) => {
        setCompared(config === undefined ? null : found);
        outdated('machines.list');
      })
      .catch((reason: unknown) => setError(reason))
      .finally(() => setTesting(false));
  };
  const compare = async (): Promise<void> => {
    const chosen = await ask(shell.chooseFile({ kind: 'study' }));
    if (chosen !== null) test(chosen.path);
  };
  const shown = compared ?? last;
  return (
    <Section title="Test" aside={testing ? 'looking…' : shown === null ? 'not tested yet' : `${summary(shown.checks, 'runs cannot go there')}, ${format.moment(shown.testedAt)}`}>
      <div className="machines-buttons first">
        <Button variant="default" size="compact-sm" disabled={testing} onClick={() => test()}>
          {last === null ? 'Test' : 'Test again'}
        </Button>
        <Button variant="default" size="compact-sm" disabled={testing} onClick={() => compare().catch((reason: unknown) => complain('The config could not be chosen', reason))}>
          Compare with a config…
        </Button>
      </div>
      {error !== null && <Problem error={error} />}
      {shown !== null && <Checks checks={shown.checks} stale={testing} narrow />}
    </Section>
  );
}

export function Machine({ machine, onRemoved }: { readonly machine: MachineView; readonly onRemoved: () => void }) {
  const { name, kind, address, hosts, folder, mostRuns, defaults } = machine;
  return (
    <>
      <dl className="machines-facts">
        <Fact name="Kind">{KIND_WORDS[kind]}</Fact>
        <Fact name="Address">
          <span className="machines-path">{address}</span>
        </Fact>
        {folder !== null && (
          <Fact name="Folder">
            <span className="mono machines-path">{folder}</span>
          </Fact>
        )}
        {mostRuns !== null && <Fact name="Runs at once">{format.count(mostRuns)}</Fact>}
        {hosts.map(({ host, port, fingerprint }) => (
          <Fact key={`${host}:${port}`} name={`Key of ${host}`}>
            <span className="mono machines-path">{fingerprint}</span>
          </Fact>
        ))}
        {Object.entries(defaults).map(([field, value]) => (
          <Fact key={field} name={field}>
            <span className="mono machines-path">{typeof value === 'string' ? value : JSON.stringify(value)}</span>
          </Fact>
        ))}
      </dl>
      <Test key={name} machine={machine} />
      {folder !== null && <Clean key={`clean ${name}`} name={name} />}
      <Remove key={`remove ${name}`} name={name} onRemoved={onRemoved} />
    </>
  );
}
