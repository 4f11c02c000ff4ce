/** The schema of a machine that a workspace knows: how it is reached, and what its runs get unless a config says otherwise. No secret has a place in it. */
import { z } from 'zod';
import { machineName } from './executor';

const host = z.string().min(1).max(255).regex(/^[\w.:%-]+$/u, { error: 'is no name or address of a host' });
const user = z.string().min(1).max(100).regex(/^[\w.@-]+$/u, { error: 'is no name of a user' });
const port = z.int().min(1).max(65_535).default(22);

/** Where a host of OpenSSH is, and by which key it is known. Keys and the agent open it; passwords do not. */
const endpointFields = {
  host,
  port,
  user: user.optional().meta({ description: 'User there; that of this process when not set' }),
  identityFile: z.string().min(1).max(4096).optional().meta({ description: 'Private key; the agent and the usual keys of OpenSSH when not set' }),
  /** `ssh-ed25519 AAAA…`, pinned when the machine is added. */
  hostKey: z.string().max(10_000).regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$/u, { error: 'must be a public key as known_hosts has it: TYPE BASE64' }),
};
const endpoint = z.strictObject(endpointFields);

const sshEndpoint = z.strictObject({
  ...endpointFields,
  jump: z.array(endpoint).max(5).default([]).meta({ description: 'Hosts that lead there, first the one that is reached from here (ProxyJump)' }),
});
export type Endpoint = z.infer<typeof endpoint>;
export type SshEndpoint = z.infer<typeof sshEndpoint>;

const folder = z.string().min(1).max(4096).default('~/.reprise').meta({ description: 'Folder there for programs, data and runs; on a cluster one that its nodes share' });
const mostRuns = z.int().min(1).max(100_000).optional().meta({ description: 'Runs under way there at once', unit: 'runs' });
const poll = z.number().gt(0).max(3600).optional().meta({ description: 'Seconds between two looks', unit: 'seconds' });
const collect = z
  .strictObject({
    largest: z.string().max(32).optional().meta({ description: 'Files larger than this stay there, such as 2g; they are named in the log' }),
    checkpoints: z.enum(['none', 'last']).default('none').meta({ description: 'Whether the last checkpoint is fetched' }),
    keep: z.boolean().default(false).meta({ description: 'Whether the folder of a run stays there after all was fetched' }),
  })
  .prefault({});

/** Fields of `executor` that hold for runs there unless their config says otherwise: they are filled in before a run is made, so its config is complete. */
const defaults = z.record(z.string(), z.json()).default({});
const fields = { mostRuns, defaults };
const remoteFields = { ...fields, folder, poll, collect };

export const machineSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('docker'),
    host: z.string().regex(/^(?:unix:\/\/\/.+|tcp:\/\/[^/]+)$/u, { error: 'must be unix:///PATH or tcp://HOST:PORT' }).default('unix:///var/run/docker.sock').meta({ description: 'Where Docker Engine listens; with `ssh`, on that host' }),
    tls: z.strictObject({ ca: z.string().min(1), cert: z.string().min(1), key: z.string().min(1) }).optional().meta({ description: 'Files of the certificates for tcp' }),
    ssh: sshEndpoint.optional(),
    ...fields,
  }),
  z.strictObject({ kind: z.literal('ssh'), ssh: sshEndpoint, ...remoteFields }),
  // Without `ssh` this machine is a login host.
  z.strictObject({ kind: z.literal('slurm'), ssh: sshEndpoint.optional(), ...remoteFields }),
]);
export type Machine = z.infer<typeof machineSchema>;
export type MachineInput = z.input<typeof machineSchema>;
/** What is fetched from where runs were carried out, and what stays there. */
export type Collecting = z.infer<typeof collect>;
export type MachineOf<K extends Machine['kind']> = Extract<Machine, { readonly kind: K }>;

/** `machines.json` of a workspace. */
export const machinesSchema = z.strictObject({ format: z.literal(1), machines: z.record(machineName, machineSchema) });
