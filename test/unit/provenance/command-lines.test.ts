import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../../src/provenance/command-lines';
import { generator } from '../report/model';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function linesOf(...pieces: readonly (string | Uint8Array)[]): string[] {
  const splitter = new LineSplitter();
  return [...pieces.flatMap((piece) => splitter.push(typeof piece === 'string' ? bytes(piece) : piece, 0)), ...splitter.end(0)];
}

describe('output as lines', () => {
  it.each<[string, (string | Uint8Array)[], string[]]>([
    ['whole lines', ['a\nb\n'], ['a', 'b']],
    ['empty lines', ['\n\na\n'], ['', '', 'a']],
    ['halves', ['a', 'b\nc', 'd'], ['ab', 'cd']],
    ['Windows’ ends', ['a\r\nb\r', '\nc'], ['a', 'b', 'c']],
    ['a character in two pieces', [Uint8Array.of(0x63, 0xc3), Uint8Array.of(0xa9, 0x0a)], ['cé']],
    ['no UTF-8', [Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0xc3)], ['a\uFFFDb', '\uFFFD']],
    ['a byte order mark', ['\uFEFFa\n'], ['\uFEFFa']],
    ['nothing', [], []],
  ])('%s', (_name, pieces, expected) => {
    expect(linesOf(...pieces)).toEqual(expected);
  });

  it('does not depend on how it comes in pieces', () => {
    const random = generator(4);
    const whole = bytes(Array.from({ length: 50 }, (_, index) => `${'é∞x'.repeat(Math.floor(random() * 5))}${index}${random() < 0.3 ? '\r\n' : '\n'}`).join(''));
    const expected = linesOf(whole);
    for (let round = 0; round < 50; round += 1) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < whole.length; ) {
        const end = Math.min(whole.length, at + 1 + Math.floor(random() * 20));
        pieces.push(whole.subarray(at, end));
        at = end;
      }
      expect(linesOf(...pieces)).toEqual(expected);
    }
  });

  it('keeps a progress bar once a second, and as it ended', () => {
    const splitter = new LineSplitter();
    const kept = Array.from({ length: 40 }, (_, tick) => splitter.push(bytes(`\r${tick}%`), tick * 100)).flat();
    expect(kept.length).toBeGreaterThanOrEqual(3);
    expect(kept.length).toBeLessThanOrEqual(5);
    expect(splitter.push(bytes('\r100%\n'), 4050)).toEqual(['100%']);
    expect(linesOf(`${'\rworking'.repeat(20_000)}\rdone\n`).at(-1)).toBe('done');
  });

  it('bounds a line without an end', () => {
    const splitter = new LineSplitter();
    for (let piece = 0; piece < 100; piece += 1) expect(splitter.push(bytes('x'.repeat(10_000)), 0)).toEqual([]);
    const [line] = splitter.push(bytes('\n'), 0);
    expect(line).toMatch(/^x{65536} … \(934464 more characters\)$/u);
    expect(splitter.push(bytes('short\n'), 0)).toEqual(['short']);
  });
});
