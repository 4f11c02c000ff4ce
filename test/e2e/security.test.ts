/** What the window must not be able to do. Each attack starts from the page, or from a page that should not be there. */
import { createServer, type Server } from 'node:http';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentSecurityPolicy } from '../../main/policies';
import { projectRoot, smallConfig } from '../helpers/cli';
import { commandLine, engineReady, ended, scene, startRun, type RepriseApp, type Scene } from './reprise-app';

const LIMIT = 60_000;
const PAGE = 'app://reprise/index.html';

let here: Scene;
let reprise: RepriseApp;
let page: Page;
beforeEach(async () => {
  here = await scene();
  reprise = await here.open();
  page = reprise.page;
}, LIMIT);
afterEach(() => here.end());

/** A server that counts what reaches it. */
async function countingServer(): Promise<{ server: Server; url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    response.setHeader('content-type', 'text/html').end('<h1>elsewhere</h1>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen };
}

/** What the main process gets for an address of its own schemes. */
function fetched(url: string, method = 'GET'): Promise<{ status: number; type: string | null; csp: string | null; body: string } | { error: string }> {
  return reprise.app.evaluate(async ({ net }, request) => {
    try {
      const response = await net.fetch(request.url, { method: request.method });
      return { status: response.status, type: response.headers.get('content-type'), csp: response.headers.get('content-security-policy'), body: await response.text() };
    } catch (error) {
      return { error: String(error) };
    }
  }, { url, method });
}

describe('context isolation', () => {
  it('leaves nothing of Node or Electron in the page', async () => {
    const found = await page.evaluate(() =>
      ['require', 'process', 'module', 'exports', 'Buffer', 'global', 'setImmediate', '__dirname', 'electron', 'ipcRenderer'].filter((name) => name in window),
    );
    expect(found).toEqual([]);
    const preferences = await reprise.app.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows();
      return (window?.webContents as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences();
    });
    expect(preferences).toMatchObject({ contextIsolation: true, nodeIntegration: false, webSecurity: true, webviewTag: false });
  }, LIMIT);

  it('exposes the methods of the contract and of the shell, the events, and nothing else', async () => {
    const bridge = await page.evaluate(() => {
      const kinds = (value: object): Record<string, string> => Object.fromEntries(Object.entries(value).map(([name, member]) => [name, typeof member]));
      return { reprise: kinds(window.reprise), shell: kinds(window.reprise.shell) };
    });
    // Written out, so that whatever is added is seen here.
    const methods = [
      'appInfo', 'experimentsList', 'runsList', 'runsGet', 'runsPage', 'runsColumns', 'runsGroups', 'runsSparklines', 'runsDetails', 'runsLog', 'runsDelete', 'runsRestore', 'trashPlan', 'runsSeries',
      'runsSearch', 'runsSearchGroups', 'runsRestoreCode', 'runsScore', 'configScore', 'runsOpening', 'runsConfusion', 'runsSaveFile', 'runsOutput', 'seriesWindow', 'runsImport', 'runsExport',
      'runsStart', 'runsCancel', 'runsRetry', 'runsWait', 'runsDiff', 'studiesList', 'studiesGet', 'studiesPause', 'studiesResume', 'studiesPlan', 'studiesStart',
      'compareExperiment', 'compareCurves', 'compareRuns', 'compareTable', 'reportWrite', 'bundleExport', 'bundleEstimate', 'bundleInspect', 'bundleVerify', 'bundlePlan', 'bundleReproduce',
      'verdictsList', 'verdictsGet', 'verdictsTrace', 'tasksList', 'tasksCancel', 'queueStatus', 'machinesList', 'machinesHostKey', 'machinesAdd', 'machinesRemove', 'machinesClean', 'machinesTest', 'trackingStatus', 'trackingStart', 'trackingStop', 'workspaceCheck', 'doctor',
    ];
    const events = ['onRun', 'onProgress', 'onTask', 'onQueue', 'onChanged', 'onStudyEnded', 'onEngineState'];
    const shell = [
      'chooseFile', 'chooseTarget', 'saveFile', 'saveStudy', 'copyText', 'showInFolder', 'showLogs', 'sample', 'restartEngine', 'getSettings', 'setSettings',
      'droppedFile', 'onCommand', 'onOpenFile', 'onSettings', 'enableCommands',
    ];
    expect(Object.keys(bridge.reprise).sort()).toEqual([...methods, ...events, 'shell'].sort());
    expect(Object.keys(bridge.shell).sort()).toEqual(shell.sort());
    const { shell: shellKind, ...others } = bridge.reprise;
    expect(shellKind).toBe('object');
    expect(new Set([...Object.values(others), ...Object.values(bridge.shell)])).toEqual(new Set(['function']));
    const replaced = await page.evaluate(() => {
      const before = window.reprise;
      try {
        (window as unknown as { reprise: unknown }).reprise = null;
      } catch {
        // Refused aloud or in silence: what counts is that it is still there.
      }
      return window.reprise !== before;
    });
    expect(replaced).toBe(false);
  }, LIMIT);
});

describe('the sandbox', () => {
  it('is on for the page when the user is not root', async () => {
    // Chromium's sandbox refuses root: the tests' script runs them as an ordinary user.
    expect(process.getuid?.()).not.toBe(0);
    const renderer = await reprise.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId());
    expect(renderer).toBeGreaterThan(0);
    if (process.platform === 'linux') {
      for (const pid of [reprise.pid, renderer ?? -1]) expect((await commandLine(pid)).filter((part) => part.includes('no-sandbox'))).toEqual([]);
      // Seccomp mode 2: the kernel filters the process' system calls.
      expect(await readFile(`/proc/${renderer}/status`, 'utf8')).toMatch(/^Seccomp:\s+2$/mu);
    } else {
      const metric = await reprise.app.evaluate(({ app }, pid) => app.getAppMetrics().find((one) => one.pid === pid)?.sandboxed, renderer);
      expect(metric).toBe(true);
    }
    const preferences = await reprise.app.evaluate(({ BrowserWindow }) => (BrowserWindow.getAllWindows()[0]?.webContents as unknown as { getLastWebPreferences(): { sandbox: boolean } }).getLastWebPreferences());
    expect(preferences.sandbox).toBe(true);
  }, LIMIT);
});

describe('the content security policy', () => {
  it('comes with the page, strict', async () => {
    const response = await fetched(PAGE);
    if ('error' in response) throw new Error(response.error);
    const nonce = /<meta name="csp-nonce" content="([^"]+)"/u.exec(response.body)?.[1] ?? '';
    expect(response).toMatchObject({ status: 200, type: 'text/html; charset=utf-8', csp: contentSecurityPolicy(nonce) });
    expect(response.csp).toBe(
      `default-src 'none'; script-src 'self'; style-src 'self'; style-src-elem 'self' 'nonce-${nonce}'; style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    const again = await fetched(PAGE);
    expect(nonce).toMatch(/^[A-Za-z0-9+/]{22}==$/u);
    expect('body' in again ? again.body : nonce).not.toContain(nonce);
  }, LIMIT);

  it("lets in style elements with this load's nonce, and rules added to them, and no others", async () => {
    const colours = await page.evaluate(() => {
      const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
      const colourOf = (id: string): string => {
        const element = document.createElement('p');
        element.id = id;
        document.body.append(element);
        return getComputedStyle(element).color;
      };
      const sheet = (given: string | null, text: string): HTMLStyleElement => {
        const style = document.createElement('style');
        if (given !== null) style.nonce = given;
        style.textContent = text;
        document.head.append(style);
        return style;
      };
      sheet(nonce, '#known { color: rgb(1, 2, 3) }');
      sheet(null, '#unknown { color: rgb(1, 2, 3) }');
      sheet('AAAAAAAAAAAAAAAAAAAAAA==', '#guessed { color: rgb(1, 2, 3) }');
      // What plotly.js does with the element that is made for it.
      sheet(nonce, '').sheet?.insertRule('#inserted { color: rgb(1, 2, 3) }', 0);
      return ['known', 'inserted', 'unknown', 'guessed'].map((id) => colourOf(id) === 'rgb(1, 2, 3)');
    });
    expect(colours).toEqual([true, true, false, false]);
  }, LIMIT);

  it('is met by the app itself: no violation while it starts, trains and shows', async () => {
    const violations: string[] = [];
    page.on('console', (message) => {
      if (/content security policy/iu.test(message.text())) violations.push(message.text());
    });
    await page.reload();
    await engineReady(page);
    const run = await startRun(page, await here.folder.write('small.yaml', smallConfig()));
    await ended(page, run);
    expect(violations).toEqual([]);
  }, LIMIT);

  it('blocks eval, inline scripts and inline handlers', async () => {
    const result = await page.evaluate(async () => {
      // The debugger that runs this function may use eval until it first waits.
      await new Promise((resolve) => setTimeout(resolve, 0));
      const attempt = (work: () => unknown): string => {
        try {
          work();
          return 'ran';
        } catch (error) {
          return (error as Error).name;
        }
      };
      const evaluated = attempt(() => (0, eval)('1 + 1'));
      const constructed = attempt(() => new Function('return 1')());
      const script = document.createElement('script');
      script.textContent = 'window.inlineRan = true';
      document.body.append(script);
      const button = document.createElement('button');
      button.setAttribute('onclick', 'window.handlerRan = true');
      document.body.append(button);
      button.click();
      const image = document.createElement('div');
      image.innerHTML = '<img src="data:," onerror="window.handlerRan = true">';
      document.body.append(image);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { evaluated, constructed, inline: 'inlineRan' in window, handler: 'handlerRan' in window };
    });
    expect(result).toEqual({ evaluated: 'EvalError', constructed: 'EvalError', inline: false, handler: false });
  }, LIMIT);

  it('blocks scripts, frames and connections from elsewhere; nothing reaches the network', async () => {
    const { server, url, seen } = await countingServer();
    try {
      const result = await page.evaluate(async (base) => {
        const blocked: string[] = [];
        document.addEventListener('securitypolicyviolation', (event) => blocked.push(event.effectiveDirective));
        const script = document.createElement('script');
        script.src = `${base}script.js`;
        const frame = document.createElement('iframe');
        frame.src = base;
        const image = document.createElement('img');
        image.src = `${base}image.png`;
        document.body.append(script, frame, image);
        const fetchError = await fetch(base).then(() => 'answered', (error: Error) => error.name);
        await new Promise((resolve) => setTimeout(resolve, 500));
        return { blocked: [...new Set(blocked)].sort(), fetchError };
      }, url);
      expect(result).toEqual({ blocked: ['connect-src', 'frame-src', 'img-src', 'script-src-elem'], fetchError: 'TypeError' });
      expect(seen).toEqual([]);
    } finally {
      server.close();
    }
  }, LIMIT);
});

describe('app://', () => {
  it('serves the files of the window with their types', async () => {
    const html = await readFile(join(projectRoot, 'out/renderer/index.html'), 'utf8');
    const script = /src="\.\/(assets\/[^"]+\.js)"/u.exec(html)?.[1];
    const style = /href="\.\/(assets\/[^"]+\.css)"/u.exec(html)?.[1];
    expect(await fetched(`app://reprise/${script}`)).toMatchObject({ status: 200, type: 'text/javascript; charset=utf-8', csp: contentSecurityPolicy(null) });
    expect(await fetched(`app://reprise/${style}`)).toMatchObject({ status: 200, type: 'text/css; charset=utf-8' });
    expect(await page.evaluate(() => document.compatMode)).toBe('CSS1Compat');
  }, LIMIT);

  it('refuses paths that lead out, in any disguise, and never shows a file from there', async () => {
    const secret = '"name": "reprise"';
    const disguises = [
      '../../package.json', '..%2f..%2fpackage.json', '%2e%2e/%2e%2e/package.json', '%2e%2e%2f%2e%2e%2fpackage.json', '..%5c..%5cpackage.json', 'assets/..%2f..%2f..%2fpackage.json',
      '%252e%252e%252f%252e%252e%252fpackage.json', '//package.json', `%2f${join(projectRoot, 'package.json').slice(1)}`, 'index.html%00.json',
    ];
    for (const disguise of disguises) {
      const response = await fetched(`app://reprise/${disguise}`);
      if ('error' in response) continue;
      expect([400, 403, 404], disguise).toContain(response.status);
      expect(response.body).not.toContain(secret);
    }
    expect(await fetched('app://reprise/%2e%2e%2f%2e%2e%2fpackage.json')).toMatchObject({ status: 403 });
    expect(await fetched('app://elsewhere/index.html')).toMatchObject({ status: 403 });
    expect(await fetched(PAGE, 'POST')).toMatchObject({ status: 405 });
  }, LIMIT);
});

describe('navigation', () => {
  it('to file:, http:, data: and other app: addresses is refused', async () => {
    const { server, url, seen } = await countingServer();
    try {
      const passwd = pathToFileURL('/etc/passwd').href;
      for (const target of [url, passwd, 'app://elsewhere/index.html', 'app://reprise/other.html', 'app://reprise/index.html?x=1', 'data:text/html,<h1>elsewhere</h1>']) {
        await page.evaluate((address) => {
          location.href = address;
        }, target);
        await page.waitForTimeout(150);
        expect(await page.evaluate(() => location.href), target).toBe(PAGE);
      }
      expect(await page.locator('main').count()).toBe(1);
      expect(seen).toEqual([]);
    } finally {
      server.close();
    }
  }, LIMIT);

  it('by the main process itself reaches no http: server and no file', async () => {
    const { server, url, seen } = await countingServer();
    try {
      for (const target of [url, pathToFileURL(join(projectRoot, 'package.json')).href]) {
        const result = await reprise.app.evaluate(async ({ BrowserWindow }, address) => {
          const window = new BrowserWindow({ show: false });
          try {
            await window.loadURL(address);
            return 'loaded';
          } catch (error) {
            return String(error);
          } finally {
            window.destroy();
          }
        }, target);
        expect(result).toContain('ERR_BLOCKED_BY_CLIENT');
      }
      expect(seen).toEqual([]);
    } finally {
      server.close();
    }
  }, LIMIT);

  it('into new windows is refused: window.open, links with a target, webviews', async () => {
    const { server, url, seen } = await countingServer();
    try {
      const opened = await page.evaluate(async (address) => {
        const windows = [window.open(address), window.open('about:blank'), window.open('app://reprise/index.html')];
        const link = document.createElement('a');
        link.href = address;
        link.target = '_blank';
        document.body.append(link);
        link.click();
        const webview = document.createElement('webview');
        webview.setAttribute('src', address);
        document.body.append(webview);
        await new Promise((resolve) => setTimeout(resolve, 300));
        return windows.filter((one) => one !== null).length;
      }, url);
      expect(opened).toBe(0);
      expect(await reprise.app.evaluate(({ webContents }) => webContents.getAllWebContents().length)).toBe(1);
      expect(seen).toEqual([]);
    } finally {
      server.close();
    }
  }, LIMIT);
});

describe('permissions', () => {
  it('are all denied', async () => {
    const answers = await page.evaluate(async () => {
      const name = (error: unknown): string => (error as Error).name;
      const states: Record<string, string> = {};
      for (const permission of ['geolocation', 'notifications', 'camera', 'microphone', 'clipboard-read', 'midi', 'persistent-storage']) {
        states[permission] = await navigator.permissions.query({ name: permission as PermissionName }).then((status) => status.state, name);
      }
      return {
        states,
        notification: await Notification.requestPermission(),
        camera: await navigator.mediaDevices.getUserMedia({ video: true, audio: true }).then(() => 'given', name),
        screen: await navigator.mediaDevices.getDisplayMedia({ video: true }).then(() => 'given', name),
        clipboard: await navigator.clipboard.readText().then(() => 'given', name),
        position: await new Promise<string>((resolve) => navigator.geolocation.getCurrentPosition(() => resolve('given'), (error) => resolve(error.code === error.PERMISSION_DENIED ? 'denied' : `code ${error.code}`))),
      };
    });
    expect(new Set(Object.values(answers.states))).toEqual(new Set(['denied']));
    expect(answers.notification).toBe('denied');
    expect(answers.camera).not.toBe('given');
    expect(answers.screen).not.toBe('given');
    expect(answers.clipboard).toBe('NotAllowedError');
    expect(answers.position).toBe('denied');
  }, LIMIT);
});

describe('messages', () => {
  it('from another window, even with our preload and our page, are refused', async () => {
    for (const address of ['about:blank', PAGE]) {
      const answers = await reprise.app.evaluate(
        async ({ BrowserWindow }, { url, preload }) => {
          const window = new BrowserWindow({ show: false, webPreferences: { preload, contextIsolation: true, sandbox: true } });
          try {
            await window.loadURL(url);
            return (await window.webContents.executeJavaScript(
              `(async () => {
                const states = [];
                reprise.onEngineState((state) => states.push(state.status));
                const sample = await reprise.shell.sample({});
                const restart = await reprise.shell.restartEngine({});
                const info = await Promise.race([reprise.appInfo({}), new Promise((resolve) => setTimeout(() => resolve('no answer'), 1000))]);
                return { sample, restart, info, states };
              })()`,
            )) as { sample: unknown; restart: unknown; info: unknown; states: string[] };
          } finally {
            window.destroy();
          }
        },
        { url: address, preload: join(projectRoot, 'out/preload/preload.cjs') },
      );
      expect(answers.sample, address).toMatchObject({ ok: false, error: { code: 'SENDER_REFUSED' } });
      expect(answers.restart, address).toMatchObject({ ok: false, error: { code: 'SENDER_REFUSED' } });
      // No port of the engine was handed over to it.
      expect(answers.info, address).toBe('no answer');
      expect(answers.states, address).toEqual(['starting']);
    }
    expect(await page.evaluate(() => window.reprise.shell.sample({}))).toMatchObject({ ok: true });
  }, LIMIT);

  it('with bad input are answered with what is wrong and where', async () => {
    await engineReady(page);
    const answers = await page.evaluate(async () => {
      const loose = window.reprise as unknown as Record<string, (...input: unknown[]) => Promise<unknown>>;
      return {
        missing: await loose['runsGet']?.({}),
        wrongType: await loose['runsList']?.({ experiment: 7 }),
        unknownKey: await loose['appInfo']?.({ shell: 'true' }),
        nothing: await loose['runsGet']?.(),
        notThere: await loose['runsGet']?.({ run: 'nowhere' }),
      };
    });
    for (const name of ['missing', 'wrongType', 'unknownKey', 'nothing'] as const) expect(answers[name], name).toMatchObject({ ok: false, error: { code: 'INPUT_INVALID', kind: 'input' } });
    expect(answers.missing).toMatchObject({ error: { problems: [{ path: 'run' }] } });
    expect(answers.notThere).toMatchObject({ ok: false, error: { code: 'RUN_NOT_FOUND' } });
  }, LIMIT);

  it('on the port that are no requests are answered with a clear error, and the engine lives on', async () => {
    const answers = await reprise.app.evaluate(
      async ({ utilityProcess, MessageChannelMain }, { host, workspace }) => {
        const child = utilityProcess.fork(host, [workspace], { serviceName: 'engine-under-test' });
        await new Promise<void>((resolve) => child.on('message', (message: { type: string }) => message.type === 'ready' && resolve()));
        const { port1, port2 } = new MessageChannelMain();
        // What the main process does not say is ignored.
        child.postMessage({ type: 'format-disk' });
        child.postMessage('client', [new MessageChannelMain().port1]);
        child.postMessage({ type: 'client' }, [port2]);
        const received: unknown[] = [];
        port1.on('message', (event) => received.push(event.data));
        port1.start();
        const bad = ['text', null, 7, [], {}, { id: 1 }, { id: 2, method: 'shell.run', input: {} }, { id: 3, method: '__proto__', input: {} }, { id: 4, method: 'app.info', input: {}, extra: true }, { id: -1, method: 'app.info', input: {} }];
        for (const message of bad) port1.postMessage(message);
        port1.postMessage({ id: 99, method: 'app.info', input: {} });
        await new Promise<void>((resolve) => {
          const timer = setInterval(() => {
            if (received.length <= bad.length) return;
            clearInterval(timer);
            resolve();
          }, 20);
        });
        child.postMessage({ type: 'close' });
        const code = await new Promise<number>((resolve) => child.once('exit', resolve));
        return { received: received as { id: number | null; result: { ok: boolean; error?: { code: string } } }[], count: bad.length, code };
      },
      { host: join(projectRoot, 'out/engine-host.js'), workspace: join(here.folder.path, 'other-workspace') },
    );
    const refused = answers.received.filter((answer) => !answer.result.ok);
    expect(refused).toHaveLength(answers.count);
    expect(new Set(refused.map((answer) => answer.result.error?.code))).toEqual(new Set(['REQUEST_INVALID']));
    expect(refused.map((answer) => answer.id)).toEqual([null, null, null, null, null, 1, 2, 3, 4, null]);
    expect(answers.received.find((answer) => answer.id === 99)).toMatchObject({ result: { ok: true } });
    expect(answers.code).toBe(0);
  }, LIMIT);
});
