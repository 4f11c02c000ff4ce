/** The programs that a bundle would run: looked at before anybody trusts it. */
import type { BundlePage } from '../../../src/api/views';
import { Fact } from '../../components/fact';
import { Hash } from '../../components/hash';
import * as format from '../../format';
import { Facts } from './facts';

type Command = BundlePage['commands'][number];

function Code({ code }: { readonly code: Command['code'] }) {
  if (code === null) return <Fact name="Code">was not captured: these runs cannot be executed again</Fact>;
  return (
    <>
      <Fact name="Code">
        {format.plural(code.files, 'file')}, {format.bytes(code.bytes)} <Hash value={code.snapshot} of="code state" />
      </Fact>
      <Fact name="Commit">
        {code.commit === null ? 'none' : <Hash value={code.commit} of="commit" />}
        {code.dirty && <span className="soft"> with uncommitted changes{code.untracked.length === 0 ? '' : ` and ${format.plural(code.untracked.length, 'untracked file')}`}</span>}
      </Fact>
      {code.remote !== null && <Fact name="Remote">{code.remote}</Fact>}
      {code.withheld.length > 0 && <Fact name="Withheld">{code.withheld.map(({ path, note }) => `${path} (${note})`).join('; ')}</Fact>}
    </>
  );
}

function inputInWords({ path, files, bytes, held }: Command['inputs'][number]): string {
  return `${path}, ${format.plural(files, 'file')} of ${format.bytes(bytes)}, ${held ? 'in the bundle' : 'not in the bundle'}`;
}

export function Commands({ commands }: { readonly commands: BundlePage['commands'] }) {
  return (
    <>
      <p className="bundles-notice">Reproducing starts these programs with your rights: they can read and write what you can, and use the network. Run what you do not trust in a container or on another machine.</p>
      {commands.map((command) => (
        <div key={`${command.command} ${command.code?.snapshot ?? ''}`} className="bundles-command">
          <pre className="mono bundles-code" tabIndex={0} role="region" aria-label="Command">
            $ {command.command}
          </pre>
          <Facts>
            <Fact name="Runs">{format.count(command.runs)}</Fact>
            <Fact name="Folder">
              <span className="mono">{command.cwd}</span>
            </Fact>
            {command.env.length > 0 && <Fact name="Variables">{command.env.join(', ')}</Fact>}
            <Code code={command.code} />
            {command.interpreter !== null && <Fact name="Interpreter">{command.interpreter}</Fact>}
            {command.inputs.length > 0 && <Fact name="Inputs">{command.inputs.map(inputInWords).join('; ')}</Fact>}
            {command.outputs.length > 0 && <Fact name="Outputs">{command.outputs.join(', ')}</Fact>}
          </Facts>
          {command.code?.patch != null && (
            <details>
              <summary>Uncommitted changes</summary>
              <pre className="mono bundles-code" tabIndex={0} role="region" aria-label="Uncommitted changes">
                {command.code.patch}
              </pre>
            </details>
          )}
        </div>
      ))}
    </>
  );
}
