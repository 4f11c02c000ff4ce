/** What a pull or a build tells, line by line, for people: now and then, not all of it. */
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';

/** One line of the engine's answer. */
export interface ProgressLine {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly aux?: { readonly ID?: string; readonly Digest?: string };
}

/** Milliseconds between two messages. */
const INTERVAL_MS = 5000;

export async function* progressLines(stream: NodeJS.ReadableStream): AsyncGenerator<ProgressLine> {
  for await (const line of createInterface({ input: stream as Readable, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== '') yield JSON.parse(line) as ProgressLine;
  }
}

/** Calls `tell` at most every few seconds, with the newest text. */
export function throttled(tell: (text: string) => void, now: () => number = () => performance.now()): (text: () => string) => void {
  let told = now();
  return (text) => {
    if (now() - told < INTERVAL_MS) return;
    told = now();
    tell(text());
  };
}

const MEGABYTE = 1e6;

/** Sums up the layers of a pull. */
export class PullProgress {
  readonly #layers = new Map<string, { current: number; total: number }>();

  see({ id, status, progressDetail }: ProgressLine): void {
    if (id === undefined) return;
    const layer = this.#layers.get(id) ?? { current: 0, total: 0 };
    if (status === 'Downloading') this.#layers.set(id, { current: progressDetail?.current ?? layer.current, total: progressDetail?.total ?? layer.total });
    else if (status === 'Download complete' || status === 'Pull complete') this.#layers.set(id, { ...layer, current: layer.total });
  }

  /** `12.3 of 40.0 MB`. */
  get text(): string {
    let [current, total] = [0, 0];
    for (const layer of this.#layers.values()) [current, total] = [current + layer.current, total + layer.total];
    return `${(current / MEGABYTE).toFixed(1)} of ${(total / MEGABYTE).toFixed(1)} MB`;
  }
}
