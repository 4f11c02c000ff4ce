/** Making a machine known: what it is, then the keys of its hosts, which a person compares before anything is trusted. */
import { useState } from 'react';
import { Button, Textarea, TextInput } from '@mantine/core';
import type { HostKeyView } from '../../../src/api/machines';
import { Choice } from '../../components/choice';
import { Problem } from '../../components/messages';
import { say } from '../../notice';
import { call, outdated } from '../../state/answers';
import { EMPTY, hostsOf, KINDS, machineOf, obstacle, type Draft, type Host } from './machine-words';

interface Shown {
  readonly host: Host;
  readonly key: HostKeyView;
}

const hostName = ({ host, port }: Host): string => (port === undefined || port === 22 ? host : `${host}:${port}`);

/** The keys that the hosts show, each asked through those before it. */
async function askKeys(hosts: readonly Host[]): Promise<readonly Shown[]> {
  const shown: Shown[] = [];
  for (const host of hosts) shown.push({ host, key: await call('machines.hostKey', { ...host, jump: shown.map((before) => ({ ...before.host, hostKey: before.key.key })) }) });
  return shown;
}

function Keys({ shown, busy, onTrust, onBack }: { readonly shown: readonly Shown[]; readonly busy: boolean; readonly onTrust: () => void; readonly onBack: () => void }) {
  return (
    <div className="machines-keys" role="status">
      <p>{shown.length === 1 ? 'The host shows this key.' : 'The hosts show these keys.'} Compare {shown.length === 1 ? 'it' : 'them'} with what the administrator says: from now on nobody with another key is taken for {shown.length === 1 ? 'it' : 'them'}.</p>
      <dl>
        {shown.map(({ host, key: { type, fingerprint } }) => (
          <div key={hostName(host)}>
            <dt>
              {hostName(host)} <span className="soft">{type}</span>
            </dt>
            <dd className="mono machines-path">{fingerprint}</dd>
          </div>
        ))}
      </dl>
      <div className="machines-buttons">
        <Button onClick={onTrust} loading={busy}>
          Trust {shown.length === 1 ? 'the key' : 'the keys'} and add
        </Button>
        <Button variant="default" onClick={onBack} disabled={busy}>
          Back
        </Button>
      </div>
    </div>
  );
}

function Fields({ draft, onDraft }: { readonly draft: Draft; readonly onDraft: (change: Partial<Draft>) => void }) {
  const field = (name: Exclude<keyof Draft, 'kind'>) => ({ value: draft[name], onChange: (event: { readonly currentTarget: { readonly value: string } }) => onDraft({ [name]: event.currentTarget.value }) });
  const { kind } = draft;
  return (
    <>
      <Choice label="Kind of machine" value={kind} options={KINDS} onChange={(value) => onDraft({ kind: value })} />
      <TextInput label="Name" description="Configs and --on call it so." placeholder={kind === 'docker' ? 'box' : kind === 'ssh' ? 'gpu' : 'cluster'} {...field('name')} />
      {kind === 'docker' && <TextInput label="Docker Engine" description="Where it listens; with a host below, on that host." placeholder="unix:///var/run/docker.sock" {...field('host')} />}
      <TextInput label={kind === 'slurm' ? 'Login host' : 'Host'} description={kind === 'ssh' ? undefined : kind === 'slurm' ? 'Empty where this machine is a login host.' : 'Empty where the engine is reached without SSH.'} placeholder="user@host:port" {...field('ssh')} />
      {draft.ssh.trim() !== '' && (
        <>
          <TextInput label="Through" description="Hosts that lead there, the nearest first (ProxyJump)." placeholder="user@gate" {...field('jump')} />
          <TextInput label="Private key" description="File of this machine; empty for the agent and the usual keys. Passwords are neither asked for nor kept." placeholder="~/.ssh/id_ed25519" {...field('identity')} />
        </>
      )}
      {kind !== 'docker' && <TextInput label="Folder there" description={kind === 'slurm' ? 'For programs, data and runs; one that the nodes share.' : 'For programs, data and runs.'} placeholder="~/.reprise" {...field('folder')} />}
      <TextInput label="Runs at once" description={kind === 'slurm' ? 'Empty: as many as the cluster takes.' : 'Empty: as its cores allow.'} inputMode="numeric" {...field('mostRuns')} />
      <Textarea label="Fields of executor that hold there" description="One a line, unless a config says otherwise." placeholder={kind === 'slurm' ? 'partition=gpu\ntime=2:00:00' : kind === 'docker' ? 'image=pytorch/pytorch:2.5.1\nmemory=8g' : 'venv=~/venv'} autosize minRows={2} maxRows={8} classNames={{ input: 'mono' }} {...field('defaults')} />
    </>
  );
}

/** @param onAdded its name */
export function AddMachine({ onAdded, onCancel }: { readonly onAdded: (name: string) => void; readonly onCancel: () => void }) {
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [shown, setShown] = useState<readonly Shown[] | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const wrong = obstacle(draft);

  const doing = (work: () => Promise<void>): void => {
    setBusy(true);
    setError(null);
    void work()
      .catch((reason: unknown) => setError(reason))
      .finally(() => setBusy(false));
  };
  const add = async (keys: readonly Shown[]): Promise<void> => {
    const { name } = await call('machines.add', { name: draft.name.trim(), machine: machineOf(draft, keys.map(({ key }) => key.key)) });
    outdated('machines.list');
    say(`${name} is known`);
    onAdded(name);
  };
  const goOn = (): void =>
    doing(async () => {
      const hosts = hostsOf(draft) ?? [];
      if (hosts.length === 0) await add([]);
      else setShown(await askKeys(hosts));
    });

  return (
    <div className="machines-form">
      {shown === null ? (
        <>
          <Fields draft={draft} onDraft={(change) => setDraft({ ...draft, ...change })} />
          <div className="machines-buttons">
            <Button onClick={goOn} disabled={wrong !== null} loading={busy}>
              {draft.ssh.trim() === '' ? 'Add machine' : 'Show the host’s key'}
            </Button>
            <Button variant="default" onClick={onCancel}>
              Cancel
            </Button>
          </div>
          {wrong !== null && <p className="soft">{wrong}</p>}
        </>
      ) : (
        <Keys shown={shown} busy={busy} onTrust={() => doing(() => add(shown))} onBack={() => setShown(null)} />
      )}
      {error !== null && <Problem error={error} />}
    </div>
  );
}
