/** Keeps what a command prints, line by line with times, within bounds, and without the secrets it shows. */
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import type { OutputLine } from '../events/command-run';
import { LineSplitter } from './command-lines';
import { lineRedactor } from './secrets';

export type OutputStream = 'stdout' | 'stderr';

/** Lines of the end that are kept where the middle had to be left out. */
const LAST_LINES = 200;

export class OutputKeeper {
  readonly #descriptor: number;
  readonly #limit: number;
  readonly #streams: Readonly<Record<OutputStream, { readonly splitter: LineSplitter; readonly redact: (line: string) => string }>>;
  #written = 0;
  #dropped = 0;
  #last: OutputLine[] = [];
  /** What could not be written yet, as the disk was full; no more than the limit. */
  #waiting: Buffer[] = [];
  /** Lines that stand in the file already. */
  #there: number;

  /**
   * @param limit bytes of the file past which only the last lines are kept
   * @param there lines that stand in the file already, where all is pushed anew from its beginning, as `linesThere` counts them
   * @param secrets values that must not be kept
   */
  constructor(file: string, limit: number, there = 0, secrets: readonly string[] = []) {
    const stream = () => ({ splitter: new LineSplitter(), redact: lineRedactor(secrets) });
    this.#streams = { stdout: stream(), stderr: stream() };
    this.#descriptor = openSync(file, 'a');
    this.#limit = limit;
    this.#there = there;
  }

  /** Lines that are not in the file. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Writes what could not be written before. @throws why it cannot be written now either */
  flush(): void {
    for (let [bytes] = this.#waiting; bytes !== undefined; [bytes] = this.#waiting) {
      const rest = bytes.subarray(writeSync(this.#descriptor, bytes));
      if (rest.length === 0) this.#waiting.shift();
      else this.#waiting[0] = rest;
    }
  }

  /** @param time when the bytes were printed, milliseconds since 1970, where that is known: the same bytes and times make the same lines */
  push(stream: OutputStream, bytes: Uint8Array, time?: number): void {
    this.#keep(stream, this.#streams[stream].splitter.push(bytes, time ?? performance.now()), time);
  }

  /** Takes in what is left; nothing may come after it. @param time when the program ended */
  end(time?: number): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#keep(stream, this.#streams[stream].splitter.end(time ?? performance.now()), time);
    const text = `${this.#dropped} lines were left out here: the output is larger than ${this.#limit} bytes. Metrics that stood in them were not read.`;
    const note: readonly OutputLine[] = this.#dropped > 0 ? [{ time: time ?? Date.now(), stream: 'note', text }] : [];
    this.#write([...note, ...this.#last]);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #keep(stream: OutputStream, texts: readonly string[], time = Date.now()): void {
    if (texts.length === 0) return;
    const { redact } = this.#streams[stream];
    if (this.#written < this.#limit) this.#write(texts.map((text) => ({ time, stream, text: redact(text) })));
    else this.#drop(time, stream, texts, redact);
  }

  #drop(time: number, stream: OutputStream, texts: readonly string[], redact: (line: string) => string): void {
    // A flood costs no more than it must: only what may be the end is looked at.
    const tail = texts.slice(-LAST_LINES).map((text): OutputLine => ({ time, stream, text: redact(text) }));
    const before = this.#last.length;
    this.#last = [...this.#last, ...tail].slice(-LAST_LINES);
    this.#dropped += texts.length - (this.#last.length - before);
  }

  #write(all: readonly OutputLine[]): void {
    const lines = all.map((line) => `${JSON.stringify(line)}\n`);
    for (const line of lines) this.#written += Buffer.byteLength(line);
    const known = Math.min(this.#there, lines.length);
    this.#there -= known;
    if (known === lines.length) return;
    this.#waiting.push(Buffer.from(lines.slice(known).join('')));
    try {
      this.flush();
    } catch {
      // The program goes on: its own files may lie on another disk.
    }
  }
}

/** How many lines a file of kept output has, 0 where there is none; one that was cut off in the middle is removed. */
export function linesThere(file: string): number {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) truncateSync(file, end);
  let lines = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}
