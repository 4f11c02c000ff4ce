/** The only lines that a shell of another machine reads: whatever is in them stays a word. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shellLine } from '../../../src/execution/remote/ssh-dial';

const shells = ['/bin/sh', '/bin/bash', '/bin/dash', '/bin/zsh', '/bin/csh', '/usr/bin/fish'].filter((shell) => existsSync(shell));

describe.skipIf(process.platform === 'win32')('lines for the shell of a machine', () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reprise-line-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const words = ["it's", 'a  b', '$HOME', '$(touch evil)', '`touch evil`', '"; touch evil; "', '*', '~', '\\', 'ünï', '-n', '', '&& touch evil', '!!'];

  it.each(shells)('gives each word as it is to /bin/sh by way of %s', (shell) => {
    const line = shellLine(['for word in "$@"', 'do printf "%s\\n" "<$word>"', 'done'], ...words);
    expect(execFileSync(shell, ['-c', line], { cwd: folder, encoding: 'utf8' })).toBe(words.map((word) => `<${word}>\n`).join(''));
    expect(existsSync(join(folder, 'evil'))).toBe(false);
  });

  it('refuses what no line can hold', () => {
    expect(() => shellLine(['true'], 'a\0b')).toThrow(expect.objectContaining({ code: 'MACHINE_FOLDER_INVALID' }));
  });
});
