/** The recorded environment against this machine: what differs first, what is identical folded. */
import type { BundlePage } from '../../../src/api/views';
import * as format from '../../format';

type Row = BundlePage['environment'][number];

function Rows({ rows, label }: { readonly rows: readonly Row[]; readonly label: string }) {
  return (
    <table className="dense bundles-environment" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Recorded</th>
          <th scope="col">This machine</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, recorded, here, same }) => (
          <tr key={name} className={same ? undefined : 'different'}>
            <th scope="row">{name}</th>
            <td>{recorded}</td>
            <td>
              {!same && <span className="bundles-differs" aria-hidden="true">≠</span>}
              {here}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Environment({ rows }: { readonly rows: readonly Row[] }) {
  const different = rows.filter(({ same }) => !same);
  const same = rows.filter((row) => row.same);
  return (
    <>
      {rows.length === 0 && <p className="soft">The bundle says nothing about it that can be read.</p>}
      {different.length > 0 && <Rows rows={different} label="What differs" />}
      {same.length > 0 && (
        <details className="bundles-fold">
          <summary>
            {different.length === 0 ? `Nothing differs: ${format.plural(same.length, 'identical value')}` : format.plural(same.length, 'identical value')}
          </summary>
          <Rows rows={same} label="What is identical" />
        </details>
      )}
    </>
  );
}
