import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { admit, isOwnHost, trackingUri } from '../../../../src/ingest/mlflow/access';
import { MlflowError } from '../../../../src/ingest/mlflow/errors';

const TOKEN = 'q'.repeat(43);
const PORT = 5123;

function asked(url: string, headers: Record<string, string> = {}): ReturnType<typeof admit> {
  return admit({ url, headers: { host: `127.0.0.1:${PORT}`, ...headers } } as unknown as IncomingMessage, PORT, TOKEN);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof MlflowError ? `${error.status} ${error.code}` : String(error);
  }
  return 'admitted';
}

describe('admit', () => {
  test('takes the token from the path or from a header', () => {
    expect(asked(`/${TOKEN}/api/2.0/mlflow/runs/get?run_id=a%20b`)).toMatchObject({ path: '/api/2.0/mlflow/runs/get', commandRun: null });
    expect(asked(`/${TOKEN}/x?run_id=a%20b`).query.get('run_id')).toBe('a b');
    expect(asked('/api/2.0/mlflow/runs/get', { authorization: `Bearer ${TOKEN}` }).path).toBe('/api/2.0/mlflow/runs/get');
    expect(asked(`/${TOKEN}`).path).toBe('/');
    expect(asked(`/${TOKEN}//api/x`).path).toBe('/api/x');
  });

  test('knows the command run that an address was given to', () => {
    const { pathname } = new URL(trackingUri(PORT, TOKEN, 'run-1'));
    expect(asked(`${pathname}/api/x`)).toMatchObject({ path: '/api/x', commandRun: 'run-1' });
    expect(asked(pathname)).toMatchObject({ path: '/', commandRun: 'run-1' });
    expect(asked(`/${TOKEN}/run/../api/x`)).toMatchObject({ path: '/run/../api/x', commandRun: null });
  });

  test.each([
    ['/api/2.0/mlflow/runs/get', {}],
    ['/', {}],
    [`/${TOKEN.slice(1)}/api/x`, {}],
    [`/${TOKEN}x/api/x`, {}],
    [`/api/x?token=${TOKEN}`, {}],
    ['/api/x', { authorization: `Basic ${TOKEN}` }],
    ['/api/x', { authorization: 'Bearer ' }],
    [`/api/${TOKEN}/x`, {}],
  ])('refuses %s without the token', (url, headers) => {
    expect(codeOf(() => asked(url, headers))).toBe('401 UNAUTHENTICATED');
  });

  test.each(['evil.example', `evil.example:${PORT}`, '127.0.0.1', `127.0.0.1:${PORT + 1}`, `127.0.0.1.evil.example:${PORT}`, ''])('refuses the Host "%s" even with the token', (host) => {
    expect(codeOf(() => asked(`/${TOKEN}/health`, { host }))).toBe('403 PERMISSION_DENIED');
  });

  test.each(['https://evil.example', 'null', `https://127.0.0.1:${PORT}`, `http://127.0.0.1:${PORT + 1}`])('refuses a page of "%s" even with the token', (origin) => {
    expect(codeOf(() => asked(`/${TOKEN}/health`, { origin }))).toBe('403 PERMISSION_DENIED');
    expect(asked(`/${TOKEN}/health`, { origin: `http://127.0.0.1:${PORT}` }).path).toBe('/health');
  });

  test('this machine has three names', () => {
    expect(['127.0.0.1', 'localhost', '[::1]', 'LOCALHOST'].every((name) => isOwnHost(`${name}:${PORT}`, PORT))).toBe(true);
    expect(isOwnHost(undefined, PORT)).toBe(false);
  });
});
