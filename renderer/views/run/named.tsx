/** What a run's author named: parameters, tags, data sets, files. */
import { useState } from 'react';
import { Button, TextInput } from '@mantine/core';
import type { RunDetails } from '../../../src/api/views';
import { ask, shell } from '../../client';
import { Hash } from '../../components/hash';
import { Section } from '../../frame/view';
import * as format from '../../format';
import { complain, say } from '../../notice';
import { call } from '../../state/answers';

/** Rows that are shown at once; a search finds the others. */
const MOST_ROWS = 500;

function NamedValues({ title, values }: { readonly title: string; readonly values: RunDetails['params'] }) {
  const [wanted, setWanted] = useState('');
  const found = values.filter(({ name, value }) => `${name} ${value}`.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Section title={title} {...(values.length === 0 ? {} : { aside: format.count(values.length) })}>
      {values.length > 12 && <TextInput size="xs" aria-label={`Search ${title.toLowerCase()}`} placeholder="Search" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />}
      {values.length === 0 ? (
        <p className="soft">None.</p>
      ) : (
        <dl className="run-leaves">
          {found.slice(0, MOST_ROWS).map(({ name, value }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="mono numbers">{value === '' ? 'empty' : value}</dd>
            </div>
          ))}
        </dl>
      )}
      {found.length > MOST_ROWS && <p className="soft small">{format.count(found.length - MOST_ROWS)} more: search for them.</p>}
    </Section>
  );
}

export function Named({ details: { params, tags, datasets } }: { readonly details: RunDetails }) {
  return (
    <div className="run-panel run-columns">
      <NamedValues title="Parameters" values={params} />
      <NamedValues title="Tags" values={tags} />
      {datasets.length > 0 && <NamedValues title="Data sets" values={datasets.map(({ name, digest }) => ({ name, value: digest }))} />}
    </div>
  );
}

async function save(run: string, path: string): Promise<void> {
  try {
    const out = await ask(shell.chooseTarget({ kind: 'file', suggestion: path.split('/').at(-1) ?? path }));
    if (out === null) return;
    await call('runs.saveFile', { run, path, out });
    say('File saved');
  } catch (error) {
    complain('The file could not be saved', error);
  }
}

export function Files({ details: { files, run } }: { readonly details: RunDetails }) {
  if (files.length === 0) return <p className="run-panel soft">{run.kind === 'command' ? 'None: the config declares no outputs, or the command made none.' : 'None were logged.'}</p>;
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <div className="run-panel">
      <Section title="Files" aside={`${format.count(files.length)}, ${format.bytes(total)}`}>
        <table className="dense wide">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col" className="number">
                Size
              </th>
              <th scope="col">SHA-256</th>
              <th scope="col">
                <span className="hidden">Save</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {files.slice(0, MOST_ROWS).map(({ path, bytes, sha256 }) => (
              <tr key={path}>
                <td className="mono">{path}</td>
                <td className="number">{format.bytes(bytes)}</td>
                <td>
                  <Hash value={sha256} of={`SHA-256 of ${path}`} />
                </td>
                <td>
                  <Button variant="default" size="compact-xs" aria-label={`Save ${path}`} onClick={() => void save(run.runId, path)}>
                    Save…
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {files.length > MOST_ROWS && <p className="soft small">{format.count(files.length - MOST_ROWS)} more files.</p>}
      </Section>
    </div>
  );
}
