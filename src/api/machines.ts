/** What user interfaces know of other machines. */
import { z } from 'zod';
import { doctorResult } from './rows';

/** Name of a machine of the workspace. */
export const machineNameText = z.string().min(1).max(64);

/** What a test found: a doctor's rows, of another machine. */
export const machineTest = z.object({
  name: z.string(),
  /** False where it could not be reached, or lacks what runs need. */
  ok: z.boolean(),
  testedAt: z.number(),
  checks: doctorResult.shape.checks,
});
export type MachineTestView = z.infer<typeof machineTest>;

/** A host that SSH reaches, and the key by which it is known. */
const sshHost = z.object({ host: z.string(), port: z.number(), user: z.string().nullable(), fingerprint: z.string() });

export const machineView = z.object({
  name: z.string(),
  kind: z.enum(['docker', 'ssh', 'slurm']),
  /** Where it is, for people: `alice@login.example`, `this machine`. */
  address: z.string(),
  /** Those that lead there, then its own; none where it is reached without SSH. */
  hosts: z.array(sshHost),
  folder: z.string().nullable(),
  mostRuns: z.number().nullable(),
  /** Fields of a config's executor that hold there unless the config says otherwise. */
  defaults: z.record(z.string(), z.json()),
  /** The newest test, unless the machine was described anew since. */
  test: machineTest.nullable(),
});
export type MachineView = z.infer<typeof machineView>;

export const machineAdd = z.strictObject({
  name: machineNameText,
  /** As `machines.json` describes it. */
  machine: z.record(z.string(), z.unknown()),
  replace: z.boolean().optional(),
});

/** A host as a person names it, before its key is known. */
const hostNamed = z.strictObject({ host: z.string().min(1).max(255), port: z.int().min(1).max(65_535).default(22), user: z.string().min(1).max(100).optional(), identityFile: z.string().min(1).max(4096).optional() });

/** Which key a host shows. `jump`: hosts that lead there, with keys that were confirmed before. */
export const hostKeyQuery = hostNamed.extend({ jump: z.array(hostNamed.extend({ hostKey: z.string().max(10_000) })).max(5).default([]) });
/** `key` as known_hosts has it: TYPE BASE64. `fingerprint` as OpenSSH shows it: SHA256:… */
export const hostKey = z.object({ key: z.string(), type: z.string(), fingerprint: z.string() });
export type HostKeyView = z.infer<typeof hostKey>;
