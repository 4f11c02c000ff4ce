/** Streams to what listens on a host: the socket of a Docker Engine. */
import type { Duplex } from 'node:stream';
import type { SshEndpoint } from '../../config/machine';
import { RepriseError } from '../../errors/errors';
import type { Tunnel } from '../docker/client';
import { connectSsh, forward, hostInWords, type SshConnection } from './connect';

/** Connects with the first stream, and anew where the connection is gone. */
export function sshTunnel(endpoint: SshEndpoint): Tunnel {
  let connection: Promise<SshConnection> | null = null;
  const connected = (): Promise<SshConnection> => {
    connection ??= connectSsh(endpoint).then(
      (open) => {
        void open.closed.then(() => (connection = null));
        return open;
      },
      (error: unknown) => {
        connection = null;
        throw error;
      },
    );
    return connection;
  };
  return {
    async open(to): Promise<Duplex> {
      const { client } = await connected();
      if (!('socket' in to)) return forward(client, to);
      return new Promise((resolve, reject) => {
        client.openssh_forwardOutStreamLocal(to.socket, (error, stream) => {
          if (error === undefined) resolve(stream);
          else reject(new RepriseError('SSH_UNREACHABLE', `${to.socket} on ${hostInWords(endpoint)} cannot be opened: ${error.message}.`, { kind: 'system', hint: 'See whether the service runs there and whether the user may use its socket.', cause: error }));
        });
      });
    },
    close(): void {
      void connection?.then((open) => open.close(), () => undefined);
    },
  };
}
