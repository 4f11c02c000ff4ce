/** Bytes of a program's output as lines. */

/** Characters of a line that are kept. */
const LONGEST_LINE = 65_536;
/** A progress bar that writes over itself is kept this often. */
const REWRITE_INTERVAL_MS = 1000;

/**
 * Cuts a stream into lines. Bytes that are no UTF-8 become U+FFFD. What is written over by a carriage return is kept once
 * a second, and as it stood when its line ended.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #pending = '';
  /** Characters of the pending line past what is kept. */
  #cut = 0;
  #rewrittenAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds, of any clock that only goes forward */
  push(bytes: Uint8Array, now: number): string[] {
    return this.#take(this.#decoder.decode(bytes, { stream: true }), now);
  }

  /** The last line, where the program did not end it. */
  end(now: number): string[] {
    const lines = this.#take(this.#decoder.decode(), now);
    const rest = this.#finish();
    return rest === '' ? lines : [...lines, rest];
  }

  #take(text: string, now: number): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = text.indexOf('\n', from); end >= 0; end = text.indexOf('\n', from)) {
      this.#add(text.slice(from, end));
      lines.push(this.#finish());
      from = end + 1;
    }
    this.#add(text.slice(from));
    // One at the very end may be half of a line's end.
    const last = this.#pending.lastIndexOf('\r', this.#pending.length - 2);
    if (last > 0 && now - this.#rewrittenAt >= REWRITE_INTERVAL_MS) {
      const shown = lastShown(this.#pending.slice(0, last));
      if (shown !== '') {
        lines.push(shown);
        this.#rewrittenAt = now;
        this.#pending = this.#pending.slice(last);
      }
    }
    return lines;
  }

  #add(text: string): void {
    const all = this.#pending + text;
    // Of a line that was written over only the newest is of use.
    const from = all.length > LONGEST_LINE ? all.lastIndexOf('\r', all.length - 2) : -1;
    const kept = from > 0 ? all.slice(from) : all;
    this.#cut += Math.max(0, kept.length - LONGEST_LINE);
    this.#pending = kept.slice(0, LONGEST_LINE);
  }

  #finish(): string {
    const line = lastShown(this.#pending);
    const note = this.#cut > 0 ? ` … (${this.#cut} more characters)` : '';
    this.#pending = '';
    this.#cut = 0;
    return line + note;
  }
}

/** What stands on a line after every carriage return in it. */
function lastShown(line: string): string {
  return line.split('\r').findLast((part) => part !== '') ?? '';
}
