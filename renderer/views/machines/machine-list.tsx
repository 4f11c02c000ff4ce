/** The machines besides this one that runs can go to. */
import type { MachineView } from '../../../src/api/machines';
import * as format from '../../format';
import { CheckMark } from './checks';

function State({ test }: Pick<MachineView, 'test'>) {
  if (test === null) return <span className="soft">not tested</span>;
  const warns = test.ok && test.checks.some(({ status }) => status === 'warning');
  return (
    <>
      <CheckMark status={!test.ok ? 'missing' : warns ? 'warning' : 'ok'} word={test.ok ? (warns ? 'OK, with warnings' : 'OK') : `Lacks ${test.checks.filter(({ status }) => status === 'missing').map(({ name }) => name).join(', ')}`} />
      <span className="soft"> {format.moment(test.testedAt)}</span>
    </>
  );
}

export function MachineList({ machines, selected, onSelect }: { readonly machines: readonly MachineView[]; readonly selected: string | null; readonly onSelect: (name: string) => void }) {
  if (machines.length === 0) {
    return <p className="soft">Runs stay on this machine so far. Add a Docker Engine, a machine that SSH reaches or a Slurm cluster, and a config goes there by its name.</p>;
  }
  return (
    <table className="dense machines-table">
      <thead>
        <tr>
          <th scope="col">Machine</th>
          <th scope="col">Kind</th>
          <th scope="col">Address</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {machines.map(({ name, kind, address, test }) => (
          <tr key={name} aria-selected={name === selected} onClick={() => onSelect(name)}>
            <th scope="row">
              <button type="button" className="machines-name" aria-pressed={name === selected} onClick={() => onSelect(name)}>
                {name}
              </button>
            </th>
            <td>{kind}</td>
            <td className="truncate" title={address}>
              {address}
            </td>
            <td className="truncate">
              <State test={test} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
