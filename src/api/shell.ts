/**
 * What the window asks of the application around it, not of the engine: dialogs, files the user chose, clipboard,
 * settings. A window may only name files that a person chose: by a dialog, a drop, or a double click.
 */
import { z } from 'zod';

const none = z.strictObject({});
/** A file name to suggest; characters a file system refuses are replaced. */
const suggestion = z.string().min(1).max(200);
const text = z.string().max(20_000_000);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.byteLength <= 100_000_000, { error: 'must be a Uint8Array of at most 100 MB' });
const path = z.string().min(1).max(4096);

/** What a chosen file is, by its content where its name does not say it. */
export const openedFile = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('bundle'), path }),
  /** A study or a single config; relative paths in it start at `folder`. */
  z.object({ kind: z.literal('study'), path, folder: path, text }),
  /** A table. */
  z.object({ kind: z.literal('data'), path }),
  /** A folder, or a file that another program keeps runs in; whether there are any is for an import to say. */
  z.object({ kind: z.literal('runs'), path }),
]);
export type OpenedFile = z.infer<typeof openedFile>;

export const settings = z.strictObject({
  theme: z.enum(['system', 'light', 'dark']),
  /** Whether a notification tells that a study ended while the window is not in front. */
  notifications: z.boolean(),
  /** Whether the tracking server starts with the app. */
  trackingServer: z.boolean(),
});
export type Settings = z.infer<typeof settings>;

const nothing = z.null();
interface ShellShape {
  readonly input: z.ZodType;
  readonly output: z.ZodType;
}

export const shellMethods = {
  /** Shows the system's dialog; null: the user left it. */
  chooseFile: { input: z.strictObject({ kind: z.enum(['bundle', 'study', 'data', 'runs', 'runs-folder']) }), output: openedFile.nullable() },
  /** Asks where the engine may write; null: the user left it. The path is good for one later call. */
  chooseTarget: { input: z.strictObject({ kind: z.enum(['bundle', 'report-md', 'report-html', 'file', 'mlruns', 'csv', 'json', 'jsonl', 'parquet']), suggestion }), output: path.nullable() },
  /** Asks where, and writes; null: the user left it. */
  saveFile: { input: z.strictObject({ kind: z.enum(['study', 'csv', 'md', 'tex', 'svg', 'png']), suggestion, content: z.union([text, bytes]) }), output: path.nullable() },
  /** Writes a study back to the file it was opened from or saved to. */
  saveStudy: { input: z.strictObject({ path, text }), output: nothing },
  copyText: { input: z.strictObject({ text }), output: nothing },
  /** Shows a file or folder of the workspace, or one the user chose, in the system's file manager. */
  showInFolder: { input: z.strictObject({ path }), output: nothing },
  showLogs: { input: none, output: nothing },
  /** A sample study that comes with the app: of a training where it is left out. */
  sample: { input: z.strictObject({ of: z.enum(['training', 'command']).optional() }), output: z.object({ path, folder: path, text }) },
  restartEngine: { input: none, output: nothing },
  getSettings: { input: none, output: settings },
  setSettings: { input: settings.partial(), output: settings },
} as const satisfies Record<string, ShellShape>;

export type ShellMethod = keyof typeof shellMethods;
export type ShellInput<M extends ShellMethod> = z.input<(typeof shellMethods)[M]['input']>;
export type ShellOutput<M extends ShellMethod> = z.infer<(typeof shellMethods)[M]['output']>;
