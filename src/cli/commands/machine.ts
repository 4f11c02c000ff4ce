/** Commands for other machines: `reprise machine add|list|test|remove`. */
import { createInterface } from 'node:readline/promises';
import { resolve } from 'node:path';
import type { Input } from '../../api/contract';
import type { HostKeyView, MachineView } from '../../api/machines';
import type { Engine } from '../../engine/engine';
import { checkMachine } from '../../engine/machines';
import { isWorkspace } from '../../engine/workspace';
import { RepriseError } from '../../errors/errors';
import { findings, print, printJson, say, table } from '../output';
import { call, withEngine, workspaceOf, type Access, type GlobalOptions } from '../session';

export interface AddOptions extends GlobalOptions {
  readonly host?: string;
  readonly tls?: string;
  readonly ssh?: string;
  readonly identity?: string;
  readonly jump?: readonly string[];
  readonly fingerprint?: readonly string[];
  readonly folder?: string;
  readonly mostRuns?: number;
  readonly set?: readonly string[];
  readonly replace?: boolean;
}

type Host = Pick<Input<'machines.hostKey'>, 'host' | 'port' | 'user' | 'identityFile'>;
type Confirmed = Host & { readonly hostKey: string };

/** Reads beside a host, and makes no workspace. */
export const readAccess = (options: GlobalOptions): Access => (isWorkspace(workspaceOf(options)) ? 'look' : 'scratch');
const writeAccess = (options: GlobalOptions): Access => (isWorkspace(workspaceOf(options)) ? 'look' : 'fill');

const usage = (message: string, hint: string): RepriseError => new RepriseError('USAGE', message, { kind: 'input', hint });

/** `[user@]host[:port]`; an address of IPv6 stands in brackets where a port follows. */
export function parseHost(text: string): Pick<Host, 'host' | 'port' | 'user'> {
  const match = /^(?:ssh:\/\/)?(?:(?<user>[^@]+)@)?(?:\[(?<six>[^\]]+)\]|(?<host>[^:@/]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*))(?::(?<port>\d{1,5}))?\/?$/u.exec(text);
  const { user, six, host = six, port } = match?.groups ?? {};
  if (host === undefined) throw usage(`${JSON.stringify(text)} is no host that SSH reaches.`, 'Write it as user@host or user@host:port.');
  return { host, ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port: Number(port) }) };
}

/** `partition=gpu`; what reads as JSON is JSON (`nodes=2`, `modules=["cuda/12"]`), all else a text. */
function parseDefault(text: string): readonly [string, unknown] {
  const at = text.indexOf('=');
  if (at < 1) throw usage(`--set ${text}: has no value.`, 'Write it as FIELD=VALUE, such as --set partition=gpu.');
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}

/** Asks the person at the terminal, or compares with what they said before. @throws RepriseError HOST_KEY_UNCONFIRMED, HOST_KEY_MISMATCH */
async function confirm(host: Host, { type, fingerprint }: HostKeyView, expected: readonly string[]): Promise<void> {
  const where = `${host.host}${host.port === undefined || host.port === 22 ? '' : `:${host.port}`}`;
  if (expected.includes(fingerprint)) return;
  if (expected.length > 0) throw new RepriseError('HOST_KEY_MISMATCH', `The key of ${where} is ${fingerprint}, not ${expected.join(' or ')}.`, { kind: 'negative', hint: 'Somebody may stand between here and there: ask who runs the machine. Nothing was added.' });
  if (process.stdin.isTTY !== true) throw new RepriseError('HOST_KEY_UNCONFIRMED', `The key of ${where} is ${type}, ${fingerprint}; nobody confirmed it.`, { kind: 'input', hint: `Compare it with what the machine's administrator says, then add it with --fingerprint ${fingerprint}.` });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`The key of ${where} is ${type}\n  ${fingerprint}\nIs it the right one? Type yes to trust it: `);
    if (answer.trim().toLowerCase() !== 'yes') throw new RepriseError('HOST_KEY_UNCONFIRMED', `The key of ${where} was not confirmed; nothing was added.`, { kind: 'cancelled' });
  } finally {
    terminal.close();
  }
}

/** The hosts on the way, each with the key that a person confirmed. */
async function confirmedHosts(engine: Engine, { ssh = '', jump = [], identity, fingerprint = [] }: AddOptions): Promise<{ readonly ssh: Confirmed; readonly jump: readonly Confirmed[] }> {
  const named = [...jump, ssh].map((text): Host => ({ ...parseHost(text), ...(identity === undefined ? {} : { identityFile: resolve(identity) }) }));
  const known: Confirmed[] = [];
  for (const host of named) {
    const key = await call(engine, 'machines.hostKey', { ...host, jump: [...known] });
    await confirm(host, key, fingerprint);
    known.push({ ...host, hostKey: key.key });
  }
  return { ssh: known.at(-1) as Confirmed, jump: known.slice(0, -1) };
}

export async function machineAdd([name = '', kind = '']: readonly string[], options: AddOptions): Promise<number> {
  if (kind !== 'docker' && kind !== 'ssh' && kind !== 'slurm') throw usage(`${JSON.stringify(kind)} is no kind of machine.`, 'It is docker, ssh or slurm.');
  if (kind === 'ssh' && options.ssh === undefined) throw usage('A machine of the kind ssh needs its host.', 'Add --ssh user@host.');
  const hosts = options.ssh === undefined ? null : await withEngine(options, readAccess(options), (engine) => confirmedHosts(engine, options));
  const { tls } = options;
  const machine = {
    kind,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(tls === undefined ? {} : { tls: { ca: resolve(tls, 'ca.pem'), cert: resolve(tls, 'cert.pem'), key: resolve(tls, 'key.pem') } }),
    ...(hosts === null ? {} : { ssh: { ...hosts.ssh, jump: hosts.jump } }),
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    ...(options.mostRuns === undefined ? {} : { mostRuns: options.mostRuns }),
    ...(options.set === undefined ? {} : { defaults: Object.fromEntries(options.set.map(parseDefault)) }),
  };
  // Before a workspace is made for it.
  checkMachine(name, machine);
  return withEngine(options, writeAccess(options), async (engine) => {
    const added = await call(engine, 'machines.add', { name, machine, ...(options.replace === true ? { replace: true } : {}) });
    if (options.json === true) printJson(added);
    else {
      print(`${added.name} is known: ${added.kind}, ${added.address}.`);
      say(`See what it has with: reprise machine test ${added.name}`);
    }
    return 0;
  });
}

function stateOf({ test }: MachineView): string {
  if (test === null) return 'not tested';
  const lacking = test.checks.filter(({ status }) => status === 'missing').map((check) => check.name);
  return `${test.ok ? 'ok' : `lacks ${lacking.join(', ')}`}, tested ${new Date(test.testedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

export async function machineList(_args: readonly string[], options: GlobalOptions): Promise<number> {
  return withEngine(options, readAccess(options), async (engine) => {
    const machines = await call(engine, 'machines.list', {});
    if (options.json === true) printJson(machines);
    else if (machines.length === 0) print('No machine besides this one is known. Add one with: reprise machine add NAME docker|ssh|slurm');
    else print(table(['machine', 'kind', 'address', 'state'], machines.map((machine) => [machine.name, machine.kind, machine.address, stateOf(machine)])));
    return 0;
  });
}

export async function machineTest([name = '']: readonly string[], options: GlobalOptions & { readonly config?: string }): Promise<number> {
  return withEngine(options, readAccess(options), async (engine) => {
    const result = await call(engine, 'machines.test', { name, ...(options.config === undefined ? {} : { config: options.config }) });
    if (options.json === true) printJson(result);
    else print(findings(result.checks));
    return result.ok ? 0 : 1;
  });
}

export async function machineRemove([name = '']: readonly string[], options: GlobalOptions): Promise<number> {
  return withEngine(options, readAccess(options), async (engine) => {
    const removed = await call(engine, 'machines.remove', { name });
    if (options.json === true) printJson(removed);
    else print(`${name} is no longer known. What lies there stays, and so do its runs here.`);
    return 0;
  });
}
