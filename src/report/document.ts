/**
 * A report as blocks that know nothing of Markdown or HTML: both renderers draw the same document,
 * so the two formats cannot say different things.
 */
import type { TableCells } from './comparison-table';

/** A piece of a line: plain text, code (monospace), or strong. */
export type Inline = string | { readonly code: string } | { readonly strong: string };
export type Line = readonly Inline[];

export type Block =
  | { readonly type: 'heading'; readonly level: 2 | 3; readonly text: string }
  | { readonly type: 'paragraph'; readonly line: Line; readonly tone?: 'note' | 'warning' }
  | { readonly type: 'list'; readonly ordered?: boolean; readonly items: readonly Line[] }
  /** Names and values, one a row. */
  | { readonly type: 'facts'; readonly rows: readonly { readonly name: string; readonly value: Line }[] }
  | { readonly type: 'table'; readonly columns: readonly { readonly title: string; readonly align: 'left' | 'right' }[]; readonly rows: readonly (readonly Line[])[]; readonly marked?: readonly number[] }
  /** Numbers aligned on their decimal points. Made for a space and for a figure space. */
  | { readonly type: 'aligned'; readonly cells: (fill: string) => TableCells }
  | { readonly type: 'code'; readonly language: 'yaml' | 'bash'; readonly code: string }
  /** A drawing for HTML; Markdown shows `instead`, which holds the same data as a table. */
  | { readonly type: 'figure'; readonly svg: string; readonly caption: string; readonly instead: readonly Block[] };

export interface ReportDocument {
  readonly title: string;
  /** One line under the title. */
  readonly lead: string;
  readonly blocks: readonly Block[];
}

export const heading = (level: 2 | 3, text: string): Block => ({ type: 'heading', level, text });
export const paragraph = (...line: Inline[]): Block => ({ type: 'paragraph', line });
export const code = (text: string): Inline => ({ code: text });
export const strong = (text: string): Inline => ({ strong: text });
/** A hash, shortened to 8; the whole value stands where it is needed for checking. */
export const shortHash = (hash: string | null): Line => (hash === null ? ['–'] : [code(hash.slice(0, 8))]);

/** `2026-11-23 00:46:42 UTC` */
export function utc(time: number | null): string {
  return time === null || !Number.isFinite(time) ? '–' : new Date(time).toISOString().replace('T', ' ').replace(/\.\d+Z$/u, ' UTC');
}
