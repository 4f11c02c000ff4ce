/** What a bundle holds, and what was checked of it. */
import { useState } from 'react';
import { Button } from '@mantine/core';
import type { BundlePage } from '../../../src/api/views';
import { Fact } from '../../components/fact';
import { Hash } from '../../components/hash';
import { StateMark, StateShape } from '../../components/state-mark';
import * as format from '../../format';
import { copy } from '../../notice';
import { Facts } from './facts';

/** Rows that are shown before one asks for all. */
const FIRST_ROWS = 50;

export function Identity({ page }: { readonly page: BundlePage }) {
  const [whole, setWhole] = useState(false);
  const finished = page.runs.filter(({ status }) => status === 'finished').length;
  return (
    <Facts>
      <Fact name="File">
        <span className="mono bundles-path">{page.file}</span>
      </Fact>
      <Fact name="Size">{format.bytes(page.bytes)}</Fact>
      <Fact name="Licence">{page.license === '' ? 'cannot be read' : page.license}</Fact>
      <Fact name="Exported">{page.createdAt === null ? 'not known' : format.moment(page.createdAt)}</Fact>
      <Fact name="Runs">
        {format.count(page.runs.length)}
        {finished < page.runs.length && <span className="soft">, {format.count(finished)} finished</span>}
      </Fact>
      <Fact name="Digest">
        {whole ? <span className="mono bundles-path">{page.digest}</span> : <Hash value={page.digest} of="digest" />}
        <span className="bundles-inline">
          <Button variant="subtle" size="compact-sm" aria-expanded={whole} onClick={() => setWhole(!whole)}>
            {whole ? 'Show short' : 'Show whole'}
          </Button>
          {whole && (
            <Button variant="subtle" size="compact-sm" onClick={() => void copy(page.digest, 'digest')}>
              Copy digest
            </Button>
          )}
        </span>
      </Fact>
    </Facts>
  );
}

export function Checks({ checks }: { readonly checks: BundlePage['checks'] }) {
  return (
    <ul className="bundles-checks">
      {checks.map(({ name, ok, found }) => (
        <li key={name}>
          <span className={`state ${ok ? 'finished' : 'failed'}`}>
            <StateShape status={ok ? 'finished' : 'failed'} />
            {ok ? 'Passed' : 'Failed'}
          </span>
          <span>{name}</span>
          <span className="soft">{found}</span>
        </li>
      ))}
    </ul>
  );
}

/** Problems that are listed; a bundle that is damaged throughout has thousands. */
const MOST_PROBLEMS = 20;

export function Problems({ problems }: { readonly problems: BundlePage['problems'] }) {
  return (
    <ul className="bundles-problems">
      {problems.slice(0, MOST_PROBLEMS).map(({ path, message }) => (
        <li key={`${path} ${message}`}>
          <span className="mono">{path}</span> {message}
        </li>
      ))}
      {problems.length > MOST_PROBLEMS && <li className="soft">and {format.count(problems.length - MOST_PROBLEMS)} more</li>}
    </ul>
  );
}

export function Runs({ runs }: { readonly runs: BundlePage['runs'] }) {
  const [all, setAll] = useState(false);
  const shown = all ? runs : runs.slice(0, FIRST_ROWS);
  return (
    <>
      <table className="dense" aria-label="Runs of the bundle">
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col" className="number">
              Seed
            </th>
            <th scope="col">Recorded as</th>
            <th scope="col" className="number">
              Steps
            </th>
            <th scope="col">Reproduction id</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ runId, reproductionId, variant, seed, status, totalSteps }) => (
            <tr key={runId}>
              <td>
                <span className="truncate bundles-name" title={variant ?? undefined}>
                  {variant ?? 'run'}
                </span>
              </td>
              <td className="number">{seed}</td>
              <td>
                <StateMark status={status} />
              </td>
              <td className="number">{format.count(totalSteps)}</td>
              <td className="mono">{reproductionId}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < runs.length && (
        <div className="bundles-buttons">
          <Button variant="default" size="compact-sm" onClick={() => setAll(true)}>
            Show all {format.count(runs.length)} runs
          </Button>
        </div>
      )}
    </>
  );
}

export function Files({ files }: { readonly files: BundlePage['files'] }) {
  const [open, setOpen] = useState(false);
  const unpacked = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <details className="bundles-fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{format.bytes(unpacked)} unpacked</summary>
      {open && (
        <table className="dense" aria-label="Files of the bundle">
          <thead>
            <tr>
              <th scope="col">Path</th>
              <th scope="col" className="number">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {files.map(({ path, bytes }) => (
              <tr key={path}>
                <td className="mono bundles-path">{path}</td>
                <td className="number">{format.bytes(bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}
