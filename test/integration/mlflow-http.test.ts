/** The tracking server over plain HTTP: what it refuses and how, and files whose content went bad. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Engine } from '../../src/engine/engine';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { objectPath } from '../../src/files/objects';

/** What the client takes for a failure that may pass. */
const TRIED_AGAIN = [408, 429, 500, 502, 503, 504];

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly json: Record<string, unknown>;
}

let root: string;
let workspace: string;
let engine: Engine;
let base: URL;

async function open(): Promise<void> {
  engine = await createEngine({ workspace, mode: 'host', spawn: localSpawn('no worker is needed'), cores: 1 });
  const started = await engine.call('tracking.start', {});
  if (!started.ok) throw new Error(started.error.message);
  base = new URL(started.value.url ?? '');
}

/** The path as it is given: no dots are resolved on the way. */
function ask(method: string, path: string, body: string | Buffer | null = null, headers: Record<string, string> = {}, from = base.pathname): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port: base.port, method, path: `${from}${path}`, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('close', () => {
        const bytes = Buffer.concat(chunks);
        if (!response.complete) {
          reject(new Error('The answer is not whole.'));
          return;
        }
        const isJson = response.headers['content-type'] === 'application/json';
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, json: isJson ? (JSON.parse(bytes.toString()) as Record<string, unknown>) : {} });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const api = (method: string, path: string, body: object | null = null): Promise<Answer> => ask(method, `/api/2.0/mlflow/${path}`, body === null ? null : JSON.stringify(body));
const artifact = (path: string): string => `/api/2.0/mlflow-artifacts/artifacts/${path}`;

async function newRun(): Promise<string> {
  const { json } = await api('POST', 'runs/create', { experiment_id: '0', start_time: 1 });
  return (json as { run: { info: { run_id: string } } }).run.info.run_id;
}

function judge(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.json['error_code'] }).toEqual({ status, code });
  expect(answer.json['message']).toMatch(/\S/u);
  expect(TRIED_AGAIN).not.toContain(answer.status);
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'reprise-mlflow-http-'));
  workspace = join(root, 'workspace');
  await open();
});
afterAll(async () => {
  await engine?.close();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

describe('who may speak', () => {
  test('a program with the token, in the address or in a header', async () => {
    expect((await ask('GET', '/health')).bytes.toString()).toBe('OK');
    const token = base.pathname.slice(1);
    expect((await ask('GET', '/version', null, { authorization: `Bearer ${token}` }, '')).bytes.toString()).toMatch(/^\d+\.\d+/u);
    expect((await ask('GET', '/api/3.0/mlflow/server-info')).json).toEqual({ store_type: 'SqlStore', workspaces_enabled: false, multipart_uploads_enabled: false, multipart_downloads_enabled: false });
  });

  test('nobody else', async () => {
    const wrong = `/${'x'.repeat(43)}`;
    for (const path of ['/health', '/api/2.0/mlflow/experiments/search', artifact('0/a/artifacts/b')]) {
      judge(await ask('GET', path, null, {}, ''), 401, 'UNAUTHENTICATED');
      judge(await ask('POST', path, 'x'.repeat(5_000_000), {}, wrong), 401, 'UNAUTHENTICATED');
      judge(await ask('PUT', path, '{}', { authorization: 'Bearer nothing' }, ''), 401, 'UNAUTHENTICATED');
    }
  });

  test('no page of another origin: neither by a name of its own nor by asking beforehand', async () => {
    for (const host of ['evil.example', `evil.example:${base.port}`, '127.0.0.1:1']) {
      judge(await ask('GET', '/health', null, { host }), 403, 'PERMISSION_DENIED');
    }
    const preflight = await ask('OPTIONS', '/api/2.0/mlflow/experiments/search', null, { origin: 'http://evil.example', 'access-control-request-method': 'POST' });
    judge(preflight, 403, 'PERMISSION_DENIED');
    const answer = await ask('GET', '/health', null, { origin: 'http://evil.example' });
    judge(answer, 403, 'PERMISSION_DENIED');
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('only on loopback, with a token that its owner alone can read and that a restart keeps', async () => {
    const before = base.href;
    if (process.platform !== 'win32') expect(statSync(join(workspace, 'tracking.json')).mode & 0o777).toBe(0o600);
    await engine.close();
    await expect(ask('GET', '/health')).rejects.toThrow('ECONNREFUSED');
    await open();
    expect(base.href).toBe(before);
  });

  test('a port that is taken is refused by name, and another found where none was asked for', async () => {
    const other = await createEngine({ workspace: join(root, 'other'), mode: 'host', spawn: localSpawn('no worker is needed'), cores: 1 });
    try {
      expect(await other.call('tracking.start', { port: Number(base.port) })).toMatchObject({ ok: false, error: { code: 'PORT_IN_USE' } });
      expect(await other.call('tracking.status', {})).toEqual({ ok: true, value: { running: false, url: null, port: null } });
      writeFileSync(join(root, 'other', 'tracking.json'), JSON.stringify({ token: 'y'.repeat(43), port: Number(base.port) }));
      const started = await other.call('tracking.start', {});
      expect(started).toMatchObject({ ok: true, value: { running: true, url: expect.stringContaining('y'.repeat(43)) } });
      expect(started.ok && started.value.port).not.toBe(Number(base.port));
      expect(await other.call('tracking.stop', {})).toMatchObject({ ok: true, value: { running: false } });
    } finally {
      await other.close();
    }
  });
});

describe('what is refused, in the words of MLflow', () => {
  test('paths that lead elsewhere, and nothing is written there', async () => {
    const run = await newRun();
    const before = readdirSync(root).sort();
    for (const path of ['../x', '..%2fx', '%2e%2e/x', '%2e%2e%2f%2e%2e%2fx', 'a/../../x', '/etc/passwd', '%2fetc%2fpasswd', 'a%5cb', '..%5cx', 'a%00b', 'C:%5cx', 'C:/x', './x', 'a//b', '%']) {
      for (const method of ['PUT', 'GET', 'DELETE']) {
        judge(await ask(method, artifact(`0/${run}/artifacts/${path}`), method === 'PUT' ? 'x' : null), 400, 'INVALID_PARAMETER_VALUE');
      }
    }
    for (const path of [`0/${run}/../x`, `../0/${run}/artifacts/x`]) judge(await ask('PUT', artifact(path), 'x'), 400, 'INVALID_PARAMETER_VALUE');
    judge(await ask('GET', `/api/2.0/mlflow-artifacts/artifacts?path=0/${run}/artifacts/../..`), 400, 'INVALID_PARAMETER_VALUE');
    judge(await api('GET', `artifacts/list?run_id=${run}&path=../..`), 400, 'INVALID_PARAMETER_VALUE');
    judge(await ask('GET', artifact(`0/..%2f..%2f${run}/artifacts/x`)), 400, 'INVALID_PARAMETER_VALUE');
    judge(await ask('GET', artifact('0/nobody/artifacts/x')), 404, 'RESOURCE_DOES_NOT_EXIST');
    judge(await ask('PUT', artifact(`0/${run}/elsewhere/x`), 'x'), 404, 'RESOURCE_DOES_NOT_EXIST');
    expect(readdirSync(root).sort()).toEqual(before);
    expect((await api('GET', `artifacts/list?run_id=${run}`)).json['files']).toEqual([]);
  });

  test('bodies that are too long, and the answer arrives though the client still sends', async () => {
    const run = await newRun();
    const long = (bytes: number): string => JSON.stringify({ run_id: run, key: 'a', value: 'x'.repeat(bytes) });
    judge(await ask('POST', '/api/2.0/mlflow/runs/set-tag', long(1_000_001)), 400, 'INVALID_PARAMETER_VALUE');
    judge(await ask('POST', '/api/2.0/mlflow/runs/set-tag', long(30_000_000)), 400, 'INVALID_PARAMETER_VALUE');
    judge(await ask('POST', '/api/2.0/mlflow/runs/set-tag', long(2_000_000), { 'transfer-encoding': 'chunked' }), 400, 'INVALID_PARAMETER_VALUE');
    judge(await api('POST', 'runs/log-parameter', { run_id: run, key: 'a', value: 'x'.repeat(6001) }), 400, 'INVALID_PARAMETER_VALUE');
    expect((await api('POST', 'runs/set-tag', { run_id: run, key: 'a', value: 'x'.repeat(900_000) })).status).toBe(200);
  });

  test('bodies and values that are not what they should be', async () => {
    const run = await newRun();
    for (const body of ['{', '[]', 'null', '"x"', '\u0000', '{"a":}']) judge(await ask('POST', '/api/2.0/mlflow/runs/log-metric', body), 400, 'BAD_REQUEST');
    for (const value of [null, 'much', true, {}, []]) judge(await api('POST', 'runs/log-metric', { run_id: run, key: 'a', value, timestamp: 1 }), 400, 'INVALID_PARAMETER_VALUE');
    for (const timestamp of [-1, 1.5, 'soon', null]) judge(await api('POST', 'runs/log-metric', { run_id: run, key: 'a', value: 1, timestamp }), 400, 'INVALID_PARAMETER_VALUE');
    judge(await ask('POST', '/api/2.0/mlflow/runs/log-metric'), 400, 'INVALID_PARAMETER_VALUE');
    const { json } = await api('POST', 'runs/log-batch', { run_id: run, metrics: [{ key: 'a', value: 1, timestamp: 1 }, { key: 'a', timestamp: 1 }] });
    expect(json['message']).toContain('metrics[1].value');
    expect((await api('GET', `metrics/get-history?run_id=${run}&metric_key=a`)).json['metrics']).toEqual([]);
    for (const [method, path] of [['POST', 'registered-models/create'], ['GET', 'model-versions/search']] as const) judge(await api(method, path, null), 400, 'FEATURE_DISABLED');
    for (const [method, path] of [['POST', 'runs/none'], ['GET', 'runs/create'], ['PUT', 'runs/get']] as const) judge(await api(method, path, null), 404, 'ENDPOINT_NOT_FOUND');
  });

  test('what is said of a model, where it nests deeper than a client can read', async () => {
    const runId = await newRun();
    const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    const log = (json: string): Promise<Answer> => api('POST', 'runs/log-model', { run_id: runId, model_json: json });
    judge(await log(nested(20_000)), 400, 'INVALID_PARAMETER_VALUE');
    judge(await log(nested(501)), 400, 'INVALID_PARAMETER_VALUE');
    for (let time = 0; time < 2; time += 1) expect((await log(nested(500))).status).toBe(200);
    await api('POST', 'runs/set-tag', { run_id: runId, key: 'mlflow.log-model.history', value: `${'['.repeat(20_000)}${']'.repeat(20_000)}` });
    judge(await log('{}'), 400, 'INVALID_PARAMETER_VALUE');
  });

  test('a half-sent request does not keep the engine open', async () => {
    const socket = connect(Number(base.port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`POST ${base.pathname}/api/2.0/mlflow/runs/log-metric HTTP/1.1\r\nHost: 127.0.0.1:${base.port}\r\nContent-Length: 1000\r\n\r\n{"run_id"`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const from = Date.now();
    await engine.close();
    expect(Date.now() - from).toBeLessThan(5000);
    await closed;
    await open();
  });
});

describe('numbers on their way', () => {
  test('whole numbers as text, NaN, infinities and −0 come back as they were', async () => {
    const run = await newRun();
    for (const [step, value] of ['NaN', 'Infinity', '-Infinity', -0, 5e-324, '0.1'].entries()) {
      const body = `{"run_uuid":"${run}","key":"a","value":${Object.is(value, -0) ? '-0.0' : JSON.stringify(value)},"timestamp":"17","step":"${step}"}`;
      expect((await ask('POST', '/api/2.0/mlflow/runs/log-metric', body)).status).toBe(200);
    }
    const { json } = await api('GET', `metrics/get-history?run_id=${run}&metric_key=a`);
    const values = (json['metrics'] as { value: unknown; step: number; timestamp: number }[]).map(({ value }) => value);
    expect(values).toEqual(['NaN', 'Infinity', '-Infinity', '-0', 5e-324, 0.1]);
  });

  test('a history comes in pages', async () => {
    const run = await newRun();
    await api('POST', 'runs/log-batch', { run_id: run, metrics: Array.from({ length: 1000 }, (_, step) => ({ key: 'a', value: step / 7, timestamp: step, step })) });
    const steps: number[] = [];
    let token = '';
    let pages = 0;
    do {
      const { json } = await api('GET', `metrics/get-history?run_id=${run}&metric_key=a&max_results=300&page_token=${token}`);
      steps.push(...(json['metrics'] as { step: number }[]).map(({ step }) => step));
      token = (json['next_page_token'] as string | undefined) ?? '';
      pages += 1;
    } while (token !== '');
    expect(pages).toBe(4);
    expect(steps).toEqual(Array.from({ length: 1000 }, (_, step) => step));
    judge(await api('GET', `metrics/get-history?run_id=${run}&metric_key=another&page_token=${(await api('GET', `metrics/get-history?run_id=${run}&metric_key=a&max_results=1`)).json['next_page_token'] as string}`), 400, 'INVALID_PARAMETER_VALUE');
  });
});

describe('artifacts', () => {
  test('lie in the object store by their hash, and only once', async () => {
    const [first, second] = [await newRun(), await newRun()];
    const content = Buffer.alloc(3_000_000, 'some content ');
    for (const run of [first, second]) expect((await ask('PUT', artifact(`0/${run}/artifacts/a/${run}.bin`), content)).status).toBe(200);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(readFileSync(objectPath(workspace, sha256)).equals(content)).toBe(true);
    expect((await ask('GET', artifact(`0/${first}/artifacts/a/${first}.bin`))).bytes.equals(content)).toBe(true);
    expect((await ask('GET', `/api/2.0/mlflow-artifacts/artifacts?path=0/${first}/artifacts/a`)).json).toEqual({ files: [{ path: `${first}.bin`, is_dir: false, file_size: 3_000_000 }] });
    expect(readdirSync(join(workspace, 'objects')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test.each([{ bytes: 100 }, { bytes: 5_000_000 }])('one of $bytes bytes that went bad is never received whole', async ({ bytes }) => {
    const run = await newRun();
    const content = Buffer.alloc(bytes, `bytes ${bytes} `);
    await ask('PUT', artifact(`0/${run}/artifacts/a.bin`), content);
    const object = objectPath(workspace, createHash('sha256').update(content).digest('hex'));
    for (const damaged of [Buffer.concat([content.subarray(0, bytes - 1), Buffer.from('!')]), content.subarray(0, bytes - 1)]) {
      writeFileSync(object, damaged);
      const answer = await ask('GET', artifact(`0/${run}/artifacts/a.bin`)).catch((error: unknown) => error);
      if (answer instanceof Error) expect(answer.message).toMatch(/not whole|aborted/u);
      else judge(answer as Answer, 400, 'BAD_REQUEST');
    }
    // Logged again, it is whole again.
    await ask('PUT', artifact(`0/${run}/artifacts/a.bin`), content);
    expect((await ask('GET', artifact(`0/${run}/artifacts/a.bin`))).bytes.equals(content)).toBe(true);
  });

  test('one whose client goes away in the middle leaves nothing', async () => {
    const run = await newRun();
    const socket = connect(Number(base.port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`PUT ${base.pathname}${artifact(`0/${run}/artifacts/half.bin`)} HTTP/1.1\r\nHost: 127.0.0.1:${base.port}\r\nContent-Length: 1000000\r\n\r\n`);
    socket.write(Buffer.alloc(300_000, 'half'));
    const temporary = (): string[] => readdirSync(join(workspace, 'objects')).filter((name) => name.endsWith('.tmp'));
    await expect.poll(temporary).toHaveLength(1);
    socket.destroy();
    await expect.poll(temporary).toEqual([]);
    expect((await api('GET', `artifacts/list?run_id=${run}`)).json['files']).toEqual([]);
  });

  test('are replaced, taken away, and never a file and a folder at once', async () => {
    const run = await newRun();
    const put = (path: string, content: string): Promise<Answer> => ask('PUT', artifact(`0/${run}/artifacts/${path}`), content);
    await put('a/b.txt', 'first');
    await put('a/b.txt', 'second');
    await put('a/c/d.txt', 'third');
    judge(await put('a', 'x'), 400, 'INVALID_PARAMETER_VALUE');
    judge(await put('a/b.txt/c', 'x'), 400, 'INVALID_PARAMETER_VALUE');
    judge(await put('', 'x'), 400, 'INVALID_PARAMETER_VALUE');
    expect((await ask('GET', artifact(`0/${run}/artifacts/a/b.txt`))).bytes.toString()).toBe('second');
    expect((await ask('DELETE', artifact(`0/${run}/artifacts/a/c`))).status).toBe(200);
    judge(await ask('DELETE', artifact(`0/${run}/artifacts/a/c`)), 404, 'RESOURCE_DOES_NOT_EXIST');
    expect((await api('GET', `artifacts/list?run_id=${run}&path=a`)).json['files']).toEqual([{ path: 'a/b.txt', is_dir: false, file_size: 6 }]);
  });
});

describe('the page behind the printed link', () => {
  test('runs its one script and nothing else', async () => {
    const { headers, bytes } = await ask('GET', '/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    for (const [name, tag] of [['script-src', 'script'], ['style-src', 'style']] as const) {
      const [, content = ''] = new RegExp(`<${tag}>([^]*?)</${tag}>`, 'u').exec(bytes.toString()) ?? [];
      expect(policy).toContain(`${name} 'sha256-${createHash('sha256').update(content).digest('base64')}'`);
    }
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(bytes.toString()).not.toContain(base.pathname.slice(1));
  });
});
