/** Connections to real servers of OpenSSH: who is let in, which host is believed, what happens when a line breaks. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { connectSsh, fetchHostKey, type SshConnection } from '../../src/execution/ssh/connect';
import { hostKeyOf } from '../../src/execution/ssh/host-key';
import { sshTunnel } from '../../src/execution/ssh/tunnel';
import { makeKey, noSshd, Sshd, startAgent } from '../helpers/engines/sshd';

describe.skipIf(noSshd !== null)('connections by SSH', () => {
  let sshd: Sshd;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'reprise-ssh-'));
    sshd = await Sshd.start();
    // No agent of whoever runs the tests.
    vi.stubEnv('SSH_AUTH_SOCK', '');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const output = ({ client }: SshConnection, line: string): Promise<string> =>
    new Promise((resolve, reject) => {
      client.exec(line, (error, channel) => {
        if (error !== undefined) return reject(error);
        let text = '';
        channel.on('data', (bytes: Buffer) => (text += bytes.toString()));
        channel.on('close', () => resolve(text));
      });
    });

  it('runs a program on the host whose key is pinned', async () => {
    const connection = await connectSsh(sshd.endpoint());
    expect(await output(connection, 'echo "it is $((6 * 7))"')).toBe('it is 42\n');
    connection.close();
    expect(await connection.closed).toContain('127.0.0.1');
  });

  it('shows the key of a host with the fingerprint of ssh-keygen, and sends nothing', async () => {
    const { hostKey, port } = sshd;
    const shown = await fetchHostKey({ host: '127.0.0.1', port });
    expect(shown.key).toBe(hostKey);
    const told = execFileSync('ssh-keygen', ['-lf', '-'], { input: `${hostKey}\n`, encoding: 'utf8' });
    expect(told.split(' ')[1]).toBe(shown.fingerprint);
    expect(hostKeyOf(Buffer.from(hostKey.split(' ')[1]!, 'base64'))).toEqual(shown);
  });

  it('refuses a host with another key, before it tells it who it is', async () => {
    const other = await Sshd.start({ identityFile: sshd.identityFile });
    onTestFinished(() => other.stop());
    const { fingerprint } = await fetchHostKey({ host: '127.0.0.1', port: other.port });
    await expect(connectSsh(other.endpoint({ hostKey: sshd.hostKey }))).rejects.toMatchObject({ code: 'SSH_HOST_KEY_CHANGED', kind: 'input', message: expect.stringContaining(fingerprint) });
    expect(readFileSync(other.log, 'utf8')).not.toContain('publickey');
  });

  it('is refused with a key that the host does not know, and never asks for a password', async () => {
    const stranger = join(folder, 'stranger');
    makeKey(stranger, '');
    await expect(connectSsh(sshd.endpoint({ identityFile: stranger }))).rejects.toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED', kind: 'input' });
  });

  it('says in one sentence what to do about an encrypted key, and takes it from an agent', async () => {
    const key = join(folder, 'encrypted');
    makeKey(key, 'a passphrase');
    const locked = await Sshd.start({ identityFile: key });
    onTestFinished(() => locked.stop());
    await expect(connectSsh(locked.endpoint())).rejects.toMatchObject({ code: 'SSH_KEY_ENCRYPTED', hint: expect.stringContaining(`ssh-add ${key}`) });
    const agent = await startAgent(mkdtempSync(join(folder, 'agent-')));
    onTestFinished(() => agent.stop());
    vi.stubEnv('SSH_AUTH_SOCK', agent.socket);
    onTestFinished(() => void vi.stubEnv('SSH_AUTH_SOCK', ''));
    await expect(connectSsh(locked.endpoint())).rejects.toMatchObject({ code: 'SSH_KEY_ENCRYPTED' });
    const plain = join(folder, 'plain');
    makeKey(plain, '');
    await agent.add(plain);
    const opened = await Sshd.start({ identityFile: plain });
    onTestFinished(() => opened.stop());
    // Only the agent has it: the file that is named is another.
    const connection = await connectSsh(opened.endpoint({ identityFile: key }));
    expect(await output(connection, 'echo in')).toBe('in\n');
    connection.close();
  });

  it('names a key file that is not there', async () => {
    await expect(connectSsh(sshd.endpoint({ identityFile: join(folder, 'nothing') }))).rejects.toMatchObject({ code: 'SSH_KEY_UNREADABLE', message: expect.stringContaining('it is not there') });
    const text = join(folder, 'text');
    writeFileSync(text, 'no key\n');
    chmodSync(text, 0o600);
    await expect(connectSsh(sshd.endpoint({ identityFile: text }))).rejects.toMatchObject({ code: 'SSH_KEY_UNREADABLE' });
  });

  it('goes through hosts that lead there, each with its own key', async () => {
    const hops = await Promise.all([Sshd.start(), Sshd.start()]);
    onTestFinished(async () => void (await Promise.all(hops.map((hop) => hop.stop()))));
    const jump = hops.map((hop) => hop.endpoint()).map(({ jump: _none, ...endpoint }) => endpoint);
    const connection = await connectSsh(sshd.endpoint({ jump }));
    expect((await output(connection, 'echo $SSH_CONNECTION')).trim().split(' ').at(-1)).toBe(String(sshd.port));
    for (const { log } of hops) expect(readFileSync(log, 'utf8')).toContain('Accepted publickey');
    expect(await fetchHostKey({ host: '127.0.0.1', port: sshd.port }, jump)).toMatchObject({ key: sshd.hostKey });
    const broken = connection.closed;
    hops[0]!.cut();
    expect(await broken).toBeTruthy();
    const wrong = [jump[0]!, { ...jump[1]!, hostKey: sshd.hostKey }];
    await expect(connectSsh(sshd.endpoint({ jump: wrong }))).rejects.toMatchObject({ code: 'SSH_HOST_KEY_CHANGED' });
  });

  it('says of a host that is not there that it cannot be reached, which may pass', async () => {
    const gone = await Sshd.start();
    const endpoint = gone.endpoint();
    const connection = await connectSsh(endpoint);
    const broken = connection.closed;
    gone.cut();
    expect(await broken).toContain('127.0.0.1');
    await gone.down();
    await expect(connectSsh(endpoint)).rejects.toMatchObject({ code: 'SSH_UNREACHABLE', kind: 'system' });
    await gone.stop();
  });

  it('leads streams to ports there, anew after the line broke', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const tunnel = sshTunnel(sshd.endpoint());
    onTestFinished(() => tunnel.close());
    const said = async (): Promise<string> => {
      let text = '';
      for await (const bytes of await tunnel.open({ host: '127.0.0.1', port })) text += String(bytes);
      return text;
    };
    expect(await said()).toBe('hello');
    sshd.cut();
    await expect.poll(said, { timeout: 5000 }).toBe('hello');
  });
});
