/** A code state as an object of the workspace: the canonical JSON of this, whose SHA-256 is its identity. */
import { z } from 'zod';
import { RepriseError } from '../errors/errors';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
/** Relative to the top of the code, with `/`. Whether it is safe to write is asked where it is written. */
const name = z.string().min(1).max(4096);

/** One file: its object holds its bytes, that of a link the path it leads to. */
const fileSchema = z.strictObject({
  path: name,
  mode: z.enum(['file', 'executable', 'link']),
  sha256,
  bytes: z.int().min(0),
});

const withheldSchema = z.strictObject({
  path: name,
  /** `secret`: may hold one; `size`: past a limit; `link`: leads outside; `odd`: no ordinary file, or unreadable. */
  reason: z.enum(['secret', 'size', 'link', 'odd']),
  /** For people: `shows an API key`. */
  note: z.string().max(1000),
  /**
   * Tells two states apart, where that gives nothing away: hash of a large file, or of a text whose secrets are
   * replaced. Absent where nothing may be told.
   */
  trace: sha256.optional(),
});

const snapshotSchema = z.strictObject({
  format: z.literal(1),
  /** Sorted by code units of the path. */
  files: z.array(fileSchema).max(200_000),
  withheld: z.array(withheldSchema).max(200_000),
});

export type Snapshot = z.infer<typeof snapshotSchema>;
export type SnapshotFile = Snapshot['files'][number];
export type WithheldFile = Snapshot['withheld'][number];

/** @throws RepriseError SNAPSHOT_INVALID */
export function parseSnapshot(text: string): Snapshot {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RepriseError('SNAPSHOT_INVALID', 'The list of the files of a code state is not JSON.', { kind: 'system', hint: 'Restore the object from a backup.', cause });
  }
  const parsed = snapshotSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RepriseError('SNAPSHOT_INVALID', `The list of the files of a code state is damaged: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}.`, { kind: 'system', hint: 'Restore the object from a backup.' });
}

/** SHA-256 of every object that a code state needs besides its own list, each once. */
export function snapshotObjects(snapshot: Snapshot): string[] {
  return [...new Set(snapshot.files.map((file) => file.sha256))];
}
