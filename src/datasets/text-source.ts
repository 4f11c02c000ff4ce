/** Text as pieces of files, read as it is asked for. */
import { createReadStream } from 'node:fs';
import { RepriseError } from '../errors/errors';

/** Bytes that lie in a file or in memory. */
export interface ByteSource {
  /** As messages name it. */
  readonly name: string;
  readonly bytes: number;
  /** The bytes from … to − 1, in pieces. */
  read(from: number, to: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A stretch of text: sources one after the other, of which the bytes from … to − 1 count. */
export interface TextRange {
  readonly sources: readonly ByteSource[];
  readonly from: number;
  readonly to: number;
}

export function fileSource(file: string, name: string, bytes: number): ByteSource {
  return { name, bytes, read: (from, to) => (to > from ? createReadStream(file, { start: from, end: to - 1, highWaterMark: 1 << 20 }) : []) };
}

export function memorySource(name: string, content: Uint8Array): ByteSource {
  return { name, bytes: content.length, read: (from, to) => [content.subarray(from, to)] };
}

export function bytesOfSources(sources: readonly ByteSource[]): number {
  return sources.reduce((sum, { bytes }) => sum + bytes, 0);
}

export function wholeText(sources: readonly ByteSource[]): TextRange {
  return { sources, from: 0, to: bytesOfSources(sources) };
}

/** The stretches of the sources that a range covers. */
function* stretches({ sources, from, to }: TextRange): Generator<{ readonly source: ByteSource; readonly from: number; readonly to: number }> {
  let begin = 0;
  for (const source of sources) {
    const first = Math.max(from - begin, 0);
    const last = Math.min(to - begin, source.bytes);
    if (first < last) yield { source, from: first, to: last };
    begin += source.bytes;
  }
}

/** Longest UTF-8 character, bytes. */
const LONGEST = 4;

/** The first beginning of a character at `at` or after it: no text is cut within one. */
export async function characterStart(sources: readonly ByteSource[], at: number): Promise<number> {
  let place = at;
  for (const { source, from, to } of stretches({ sources, from: at, to: at + LONGEST })) {
    for await (const bytes of source.read(from, to)) {
      for (const byte of bytes) {
        if ((byte & 0xc0) !== 0x80) return place;
        place++;
      }
    }
  }
  return Math.min(place, bytesOfSources(sources));
}

/** Longest line that is taken, characters: a line is held in memory whole. */
const MAX_LINE = 1 << 26;

/** A line feed after something that is no white space begins a piece of every tokenizer. */
const lastCut = (text: string): number => {
  for (let at = text.lastIndexOf('\n'); at > 0; at = text.lastIndexOf('\n', at - 1)) if (!/[\t-\r ]/u.test(text[at - 1]!)) return at;
  return 0;
};

/**
 * The text of a range in pieces, cut only where every tokenizer cuts too; each file is UTF-8 of its own, less a byte
 * order mark.
 * @throws RepriseError TEXT_NOT_UTF8, TEXT_UNREADABLE
 */
export async function* textOf(range: TextRange): AsyncGenerator<string> {
  let rest = '';
  for (const { source, from, to } of stretches(range)) {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: from > 0 });
    let done = from;
    const decode = (bytes: Uint8Array | null): string => {
      try {
        return bytes === null ? decoder.decode() : decoder.decode(bytes, { stream: true });
      } catch (error) {
        throw new RepriseError('TEXT_NOT_UTF8', `The text ${source.name} is not UTF-8: it has a wrong byte at ${done} or soon after it.`, { hint: 'Save it as UTF-8.', cause: error });
      }
    };
    try {
      for await (const bytes of source.read(from, to)) {
        rest += decode(bytes);
        done += bytes.length;
        const cut = lastCut(rest);
        if (cut === 0 && rest.length > MAX_LINE) throw new RepriseError('TEXT_LINE_TOO_LONG', `The text ${source.name} has a line of more than ${MAX_LINE} characters.`, { hint: 'Break it into lines.' });
        if (cut === 0) continue;
        yield rest.slice(0, cut);
        rest = rest.slice(cut);
      }
    } catch (error) {
      if (error instanceof RepriseError) throw error;
      throw new RepriseError('TEXT_UNREADABLE', `The text ${source.name} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
    }
    rest += decode(null);
    if (done !== to) throw new RepriseError('TEXT_UNREADABLE', `The text ${source.name} became shorter while it was read.`, { hint: 'Try again when nothing changes it.' });
  }
  if (rest !== '') yield rest;
}
