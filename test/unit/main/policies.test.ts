import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { APP_PAGE, contentSecurityPolicy, CRASH_PAGE, fileVerdict, isInside, navigationVerdict, permissionVerdict, requestVerdict, sandboxVerdict, senderVerdict, webviewVerdict, windowOpenVerdict, withNonce, workerVerdict } from '../../../main/policies';

const root = '/opt/reprise/out/renderer';

describe('fileVerdict', () => {
  const get = (url: string, method = 'GET') => fileVerdict({ method, url }, root);

  it('maps addresses to files with their types', () => {
    expect(get(APP_PAGE)).toEqual({ allowed: true, path: join(root, 'index.html'), mime: 'text/html; charset=utf-8' });
    expect(get('app://reprise/assets/index-1a.js')).toMatchObject({ path: join(root, 'assets/index-1a.js'), mime: 'text/javascript; charset=utf-8' });
    expect(get('app://reprise/assets/a%20b.css', 'HEAD')).toMatchObject({ path: join(root, 'assets/a b.css'), mime: 'text/css; charset=utf-8' });
  });

  it.each([
    ['app://reprise/..%2f..%2fpackage.json', 403],
    ['app://reprise/%2e%2e%2fmain/main.js', 403],
    ['app://reprise/a%2f..%2f..%2f..%2fpackage.json', 403],
    ['app://reprise/..%5cmain.js', 400],
    ['app://reprise/index.html%00.js', 400],
    ['app://reprise/%ff.js', 400],
    ['app://elsewhere/index.html', 403],
    ['app://user@reprise/index.html', 403],
    ['app://reprise:80/index.html', 403],
    ['file:///etc/passwd', 403],
    ['https://reprise/index.html', 403],
    ['no address', 403],
    ['app://reprise/', 403],
    ['app://reprise/secret.db', 404],
  ])('refuses %s', (url, status) => {
    expect(get(url)).toMatchObject({ allowed: false, status });
  });

  it('stays inside for addresses the parser has resolved', () => {
    expect(get('app://reprise/../../package.json')).toMatchObject({ allowed: true, path: join(root, 'package.json') });
  });

  it('knows GET and HEAD only', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect(get(APP_PAGE, method)).toMatchObject({ allowed: false, status: 405 });
  });
});

it('isInside takes no folder whose name only begins the same', () => {
  expect(isInside('/a/b/c', '/a/b')).toBe(true);
  expect(isInside('/a/bc', '/a/b')).toBe(false);
  expect(isInside('/a/b', '/a/b')).toBe(false);
  expect(isInside('/a/b/', '/a/b')).toBe(false);
  expect(isInside('/x', '/')).toBe(true);
});

describe('the window', () => {
  it('stays on its page', () => {
    expect(navigationVerdict(APP_PAGE).allowed).toBe(true);
    expect(navigationVerdict(`${APP_PAGE}#runs`).allowed).toBe(true);
    for (const target of ['app://reprise/other.html', `${APP_PAGE}?x`, 'app://elsewhere/index.html', 'https://reprise/index.html', 'file:///index.html', 'javascript:alert(1)', 'data:text/html,x', 'about:blank', '']) {
      expect(navigationVerdict(target), target).toMatchObject({ allowed: false });
    }
  });

  it('loads nothing but the app', () => {
    for (const devTools of [true, false]) {
      for (const own of [APP_PAGE, 'blob:app://reprise/6f1c']) expect(requestVerdict(own, { devTools }).allowed).toBe(true);
      for (const target of ['https://example.org/', 'http://127.0.0.1/', 'ws://127.0.0.1/', 'file:///etc/passwd', 'ftp://host/', 'blob:https://example.org/1', 'app://elsewhere/', '?']) expect(requestVerdict(target, { devTools }).allowed, target).toBe(false);
      expect(requestVerdict('devtools://devtools/bundled/x.js', { devTools }).allowed).toBe(devTools);
    }
  });

  it('gets no other window, permission or webview', () => {
    expect(windowOpenVerdict(APP_PAGE).allowed).toBe(false);
    expect(permissionVerdict('notifications').allowed).toBe(false);
    expect(webviewVerdict().allowed).toBe(false);
  });

  it('is sandboxed unless the user is root', () => {
    expect([0, 1000, undefined].map((uid) => sandboxVerdict(uid).allowed)).toEqual([false, true, true]);
  });

  it('has a policy without any unsafe source but style attributes', () => {
    const policy = contentSecurityPolicy('n0nce');
    expect(policy.replace("style-src-attr 'unsafe-inline'", '').replace('img-src \'self\' data: blob:', '')).not.toMatch(/unsafe|\*|https?:|blob:|data:/u);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; style-src-elem 'self' 'nonce-n0nce'; /u);
    expect(contentSecurityPolicy(null)).not.toContain('nonce');
  });

  it('finds the nonce of its load in its head, whether or not it has a place for it', () => {
    const meta = '<meta name="csp-nonce" content="n0nce" />';
    expect(withNonce('<html><head><title>x</title></head></html>', 'n0nce')).toBe(`<html><head>${meta}<title>x</title></head></html>`);
    expect(withNonce('<head><meta name="csp-nonce" content=""></head>', 'n0nce')).toBe(`<head>${meta}</head>`);
  });
});

describe('senderVerdict', () => {
  const ours = { contentsId: 3, frameUrl: APP_PAGE, isMainFrame: true };
  it('takes the main frame of our window on our page', () => {
    expect(senderVerdict(ours, 3)).toEqual({ allowed: true });
  });
  it('takes the crash page only where that is meant', () => {
    const crashed = { ...ours, frameUrl: CRASH_PAGE };
    expect([senderVerdict(crashed, 3).allowed, senderVerdict(crashed, 3, true).allowed, senderVerdict({ ...crashed, contentsId: 4 }, 3, true).allowed]).toEqual([false, true, false]);
  });
  it.each([
    ['another window', { ...ours, contentsId: 4 }, 3],
    ['no window', ours, null],
    ['an inner frame', { ...ours, isMainFrame: false }, 3],
    ['a frame that is gone', { ...ours, frameUrl: null }, 3],
    ['a blank page', { ...ours, frameUrl: 'about:blank' }, 3],
    ['a page of elsewhere', { ...ours, frameUrl: 'https://example.org/' }, 3],
  ])('refuses %s', (_name, sender, id) => {
    expect(senderVerdict(sender, id).allowed).toBe(false);
  });
});

describe('workerVerdict', () => {
  const hash = 'ab'.repeat(32);
  const verdict = (runFolder: string, dataFile: string) => workerVerdict({ runFolder, dataFile }, '/work space/w').allowed;
  const run = '/work space/w/runs/r1';
  const data = `/work space/w/objects/ab/${hash}`;

  it('takes a run and an object of one store', () => {
    expect(verdict(run, data)).toBe(true);
    expect(verdict('/work space/w/apart/x1/runs/r1', `/work space/w/apart/x1/objects/ab/${hash}`)).toBe(true);
  });

  it.each([
    ['a run elsewhere', '/tmp/runs/r1', data],
    ['a run beside the workspace', '/work space/w2/runs/r1', data],
    ['a relative run', 'runs/r1', data],
    ['a run that leads out', '/work space/w/runs/../../x/runs/r1', data],
    ['the folder of all runs', '/work space/w/runs', data],
    ['a folder inside a run', `${run}/inner`, data],
    ['data elsewhere', run, '/etc/passwd'],
    ['the database', run, '/work space/w/reprise.db'],
    ['an object with a wrong name', run, '/work space/w/objects/ab/abc'],
    ['data that lead out', run, `/work space/w/objects/../../w/objects/ab/${hash}`],
    ['data of another store', run, `/work space/w/apart/x1/objects/ab/${hash}`],
  ])('refuses %s', (_name, runFolder, dataFile) => {
    expect(verdict(runFolder, dataFile)).toBe(false);
  });
});
