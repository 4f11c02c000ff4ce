/** Files a run left behind. */
import { Button } from '@mantine/core';
import type { RunDetails } from '../../../src/api/views';
import { ask, shell } from '../../client';
import { Hash } from '../../components/hash';
import { Section } from '../../frame/view';
import * as format from '../../format';
import { complain } from '../../notice';

async function showFolder(path: string): Promise<void> {
  try {
    await ask(shell.showInFolder({ path }));
  } catch (error) {
    complain('The folder could not be shown', error);
  }
}

export function Artifacts({ details: { artifacts, checkpoints, folder } }: { readonly details: RunDetails }) {
  return (
    <div className="run-panel">
      <div className="run-panel-actions">
        <Button variant="default" size="xs" onClick={() => void showFolder(folder)}>
          Show in folder
        </Button>
      </div>
      <div className="run-columns">
        <Section title="Artifacts">
          {artifacts.length === 0 ? (
            <p className="soft">None yet: they are written when the run ends.</p>
          ) : (
            <table className="dense">
              <thead>
                <tr>
                  <th scope="col">Artifact</th>
                  <th scope="col">File</th>
                  <th scope="col" className="number">
                    Size
                  </th>
                  <th scope="col">SHA-256</th>
                </tr>
              </thead>
              <tbody>
                {artifacts.map((artifact) => (
                  <tr key={artifact.name}>
                    <td>{artifact.name.replaceAll('-', ' ')}</td>
                    <td className="mono">{artifact.file}</td>
                    <td className="number">{format.bytes(artifact.bytes)}</td>
                    <td>
                      <Hash value={artifact.sha256} of={`SHA-256 of ${artifact.file}`} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Section>
        <Section title="Checkpoints">
          {checkpoints.length === 0 ? (
            <p className="soft">None in the run's folder.</p>
          ) : (
            <table className="dense">
              <thead>
                <tr>
                  <th scope="col" className="number">
                    Step
                  </th>
                  <th scope="col">File</th>
                  <th scope="col" className="number">
                    Size
                  </th>
                </tr>
              </thead>
              <tbody>
                {checkpoints.map((checkpoint) => (
                  <tr key={checkpoint.file}>
                    <td className="number">{format.count(checkpoint.step)}</td>
                    <td className="mono">{checkpoint.file}</td>
                    <td className="number">{format.bytes(checkpoint.bytes)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Section>
      </div>
    </div>
  );
}
