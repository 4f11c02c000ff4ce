import { describe, expect, it } from 'vitest';
import { nameProblem, NameRegister } from '../../../src/bundle/names';

describe('nameProblem', () => {
  it.each(['data/run.json', 'data/runs/a-b_c/events.log', 'bagit.txt', 'data/', 'data/ä.txt', 'data/console.txt', 'data/com.txt', 'data/.gitignore', 'data/x.git'])('takes %s', (name) => {
    expect(nameProblem(name)).toBeNull();
  });

  it.each([
    '', '/etc/passwd', '../up', 'data/../../up', 'data/./x', 'data//x', 'C:/x', 'c:x', 'data\\x', 'data/x:stream', 'data/CON', 'data/nul.txt',
    'data/LPT1', 'data/\u009bx', 'data/\u061cx', 'data/.git', 'data/.git/config', 'data/.GIT/hooks/x', 'data/.GiT', 'data/GIT~1/x', 'data/com9.log', 'aux/x', 'data/x.', 'data/x ', 'data/\u0000', 'data/a\nb', 'data/\u202Etxt.exe', 'data/\uFEFFx', 'data/a?b', 'data/a*', 'data/\uFFFD',
    `data/${'x'.repeat(201)}`, 'x/'.repeat(600),
  ])('refuses %j', (name) => {
    expect(nameProblem(name)).not.toBeNull();
  });
});

describe('NameRegister', () => {
  const second = (first: string, name: string): string | null => {
    const register = new NameRegister();
    expect(register.add(first)).toBeNull();
    return register.add(name);
  };

  it.each([
    ['data/a', 'data/a'],
    ['data/a', 'data/A'],
    ['data/\u00e9', 'data/e\u0301'],
    ['data/ﬁle', 'data/file'],
    ['data/straße', 'data/STRASSE'],
    ['data/a', 'data/a/b'],
    ['data/a/b', 'data/a'],
    ['data/x/1', 'Data/x/2'],
  ])('refuses %j beside %j', (first, name) => {
    expect(second(first, name)).not.toBeNull();
  });

  it('takes distinct names in shared folders, listed or not', () => {
    expect(second('data/a', 'data/b')).toBeNull();
    expect(second('data/', 'data/b')).toBeNull();
    expect(second('data/b', 'data/')).toBeNull();
  });
});
