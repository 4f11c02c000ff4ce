/** What the last test of each machine found: `machines-known.json` of the workspace, which may be deleted at any time. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { doctorResult } from '../api/rows';
import { hashJson } from '../config/hash';
import type { Machine } from '../config/machine';
import { atomicWrite } from '../files/atomic-write';
import { placeFacts } from './place-facts';

const FILE = 'machines-known.json';

const known = z.object({
  /** Hash of the machine as it was described then: what is found of another is no use. */
  of: z.string(),
  testedAt: z.number(),
  ok: z.boolean(),
  checks: doctorResult.shape.checks,
  /** Null where it could not be reached. */
  facts: placeFacts.nullable(),
});
export type KnownMachine = Omit<z.infer<typeof known>, 'of'>;

const knownFile = z.object({ format: z.literal(1), machines: z.record(z.string(), known) });

function readAll(workspace: string): z.infer<typeof knownFile>['machines'] {
  try {
    return knownFile.parse(JSON.parse(readFileSync(path.join(workspace, FILE), 'utf8'))).machines;
  } catch {
    // Nothing that another test would not find again.
    return {};
  }
}

/** Null where a machine was not tested since it was last described. */
export function knownOf(workspace: string, name: string, machine: Machine): KnownMachine | null {
  const found = readAll(workspace)[name];
  return found === undefined || found.of !== hashJson(machine) ? null : found;
}

export async function keepKnown(workspace: string, name: string, machine: Machine, found: KnownMachine): Promise<void> {
  const machines = { ...readAll(workspace), [name]: { ...found, of: hashJson(machine) } };
  await atomicWrite(path.join(workspace, FILE), `${JSON.stringify({ format: 1, machines })}\n`);
}
