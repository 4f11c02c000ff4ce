/** Keeps what a command prints, line by line with times, within bounds, and without the secrets it shows. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { OutputLine } from '../events/command-run';
import { lineRedactor } from '../provenance/secrets';
import { LineSplitter } from './command-lines';

type Stream = 'stdout' | 'stderr';

/** Lines of the end that are kept where the middle had to be left out. */
const LAST_LINES = 200;

export class OutputKeeper {
  readonly #descriptor: number;
  readonly #limit: number;
  readonly #streams: Readonly<Record<Stream, { readonly splitter: LineSplitter; readonly redact: (line: string) => string }>> = {
    stdout: { splitter: new LineSplitter(), redact: lineRedactor() },
    stderr: { splitter: new LineSplitter(), redact: lineRedactor() },
  };
  #written = 0;
  #dropped = 0;
  #last: OutputLine[] = [];
  /** What could not be written yet, as the disk was full; no more than the limit. */
  #waiting: Buffer[] = [];

  /** @param limit bytes of the file past which only the last lines are kept */
  constructor(file: string, limit: number) {
    this.#descriptor = openSync(file, 'a');
    this.#limit = limit;
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

  push(stream: Stream, bytes: Uint8Array): void {
    this.#keep(stream, this.#streams[stream].splitter.push(bytes, performance.now()));
  }

  /** Takes in what is left; nothing may come after it. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#keep(stream, this.#streams[stream].splitter.end(performance.now()));
    if (this.#dropped > 0) {
      const text = `${this.#dropped} lines were left out here: the output is larger than ${this.#limit} bytes. Metrics that stood in them were not read.`;
      this.#write([{ time: Date.now(), stream: 'note', text }, ...this.#last]);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #keep(stream: Stream, texts: readonly string[]): void {
    if (texts.length === 0) return;
    const time = Date.now();
    const { redact } = this.#streams[stream];
    if (this.#written < this.#limit) this.#write(texts.map((text) => ({ time, stream, text: redact(text) })));
    else this.#drop(time, stream, texts, redact);
  }

  #drop(time: number, stream: Stream, texts: readonly string[], redact: (line: string) => string): void {
    // A flood costs no more than it must: only what may be the end is looked at.
    const tail = texts.slice(-LAST_LINES).map((text): OutputLine => ({ time, stream, text: redact(text) }));
    const before = this.#last.length;
    this.#last = [...this.#last, ...tail].slice(-LAST_LINES);
    this.#dropped += texts.length - (this.#last.length - before);
  }

  #write(lines: readonly OutputLine[]): void {
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    this.#written += bytes.length;
    this.#waiting.push(bytes);
    try {
      this.flush();
    } catch {
      // The program goes on: its own files may lie on another disk.
    }
  }
}
