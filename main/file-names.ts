/** Names and dialog filters of the files people choose. */
import { extname } from 'node:path';

export interface Filter {
  readonly name: string;
  readonly extensions: string[];
}

const study: Filter = { name: 'Study', extensions: ['yaml', 'yml'] };
const bundle: Filter = { name: 'Bundle', extensions: ['zip'] };
const all: Filter = { name: 'All files', extensions: ['*'] };

export type OpenKind = 'bundle' | 'study' | 'data' | 'runs' | 'runs-folder';
export type SaveKind = 'file' | 'study' | 'mlruns' | 'csv' | 'json' | 'jsonl' | 'parquet' | 'md' | 'tex' | 'svg' | 'png' | 'bundle' | 'report-md' | 'report-html';

/** A study or a bundle can be opened wherever either is asked for. */
export const openFilters: Readonly<Record<OpenKind, { readonly title: string; readonly filters: Filter[] }>> = {
  bundle: { title: 'Open bundle', filters: [bundle, { name: 'Study or bundle', extensions: [...study.extensions, ...bundle.extensions] }, all] },
  study: { title: 'Open study or bundle', filters: [{ name: 'Study or bundle', extensions: [...study.extensions, ...bundle.extensions] }, all] },
  data: { title: 'Choose data', filters: [{ name: 'Table', extensions: ['csv', 'tsv', 'txt'] }, all] },
  runs: { title: 'Import runs', filters: [{ name: 'Runs', extensions: ['db', 'sqlite', 'sqlite3', 'csv', 'tsv', 'json', 'jsonl', 'ndjson', 'parquet', 'pq', 'wandb'] }, all] },
  'runs-folder': { title: 'Import the runs of a folder', filters: [] },
};

export const saveFilters: Readonly<Record<SaveKind, { readonly title: string; readonly filters: Filter[] }>> = {
  study: { title: 'Save study', filters: [study] },
  csv: { title: 'Save table', filters: [{ name: 'CSV', extensions: ['csv'] }] },
  json: { title: 'Save table', filters: [{ name: 'JSON', extensions: ['json'] }] },
  jsonl: { title: 'Save table', filters: [{ name: 'JSON lines', extensions: ['jsonl'] }] },
  parquet: { title: 'Save table', filters: [{ name: 'Parquet', extensions: ['parquet'] }] },
  mlruns: { title: 'Export to a new folder', filters: [] },
  md: { title: 'Save table', filters: [{ name: 'Markdown', extensions: ['md'] }] },
  tex: { title: 'Save table', filters: [{ name: 'LaTeX', extensions: ['tex'] }] },
  svg: { title: 'Save chart', filters: [{ name: 'SVG', extensions: ['svg'] }] },
  png: { title: 'Save chart', filters: [{ name: 'PNG', extensions: ['png'] }] },
  bundle: { title: 'Export bundle', filters: [bundle] },
  'report-md': { title: 'Write report', filters: [{ name: 'Markdown', extensions: ['md'] }] },
  file: { title: 'Save file', filters: [] },
  'report-html': { title: 'Write report', filters: [{ name: 'HTML', extensions: ['html'] }] },
};

/** Names that Windows keeps for devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/iu;

/** A name that every file system takes: no separators, no control characters, none of Windows' own; with the kind's extension. */
export function fileName(suggestion: string, kind: SaveKind): string {
  const extensions = saveFilters[kind].filters[0]?.extensions ?? [];
  const plain = suggestion.replace(/[<>:"/\\|?*\u0000-\u001f\u007f]/gu, '-').replace(/^[\s.]+|[\s.]+$/gu, '');
  const named = plain === '' || RESERVED.test(plain) ? `reprise-${plain}`.replace(/-$/u, '') : plain;
  return withExtension(named, extensions);
}

/** A path with the first extension where it has none of them; systems differ in whether a dialog adds it. */
export function withExtension(path: string, extensions: readonly string[]): string {
  const [first] = extensions;
  return first === undefined || extensions.includes(extname(path).slice(1).toLowerCase()) ? path : `${path}.${first}`;
}
