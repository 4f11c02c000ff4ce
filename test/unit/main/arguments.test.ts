import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { argument, engineEnvironment, unpacked, workspaceFolder } from '../../../main/arguments';

describe('argument', () => {
  it('reads both ways of writing a value; the last one counts', () => {
    expect(argument(['electron', '.', '--workspace', '/a'], '--workspace')).toBe('/a');
    expect(argument(['electron', '.', '--workspace=/a b'], '--workspace')).toBe('/a b');
    expect(argument(['--workspace', '/a', '--workspace=/b'], '--workspace')).toBe('/b');
  });
  it('takes no flag for a value', () => {
    expect(argument(['--workspace', '--no-sandbox'], '--workspace')).toBeNull();
    expect(argument(['--workspace'], '--workspace')).toBeNull();
    expect(argument(['--workspace='], '--workspace')).toBeNull();
    expect(argument(['--workspaces', '/a'], '--workspace')).toBeNull();
  });
});

describe('workspaceFolder', () => {
  const base = { argv: ['reprise'], environment: { HOME: '/home/u' }, userData: '/data', platform: 'linux' } as const;
  it('asks the command line, then the environment, then the data folder named on it, then the system', () => {
    expect(workspaceFolder({ ...base, argv: ['reprise', '--workspace', '/w', '--user-data-dir=/data'], environment: { REPRISE_WORKSPACE: '/e' } })).toBe('/w');
    expect(workspaceFolder({ ...base, argv: ['reprise', '--user-data-dir=/data'], environment: { REPRISE_WORKSPACE: '/e' } })).toBe('/e');
    expect(workspaceFolder({ ...base, argv: ['reprise', '--user-data-dir=/data'] })).toBe(join('/data', 'workspace'));
    expect(workspaceFolder({ ...base, environment: { XDG_DATA_HOME: '/x' } })).toBe('/x/reprise/workspace');
  });
  it('is absolute and without a slash at its end', () => {
    expect(workspaceFolder({ ...base, argv: ['reprise', '--workspace', 'here/'] })).toBe(resolve('here'));
  });
});

it('the engine gets no foreign options of Node', () => {
  expect(engineEnvironment({ PATH: '/bin', NODE_OPTIONS: '--require x', ELECTRON_RUN_AS_NODE: '1', LC_ALL: 'de_DE', REPRISE_SQLITE_BINDING: '/b.node', EMPTY: undefined })).toEqual({ PATH: '/bin', LC_ALL: 'C', REPRISE_SQLITE_BINDING: '/b.node' });
});

it('the addon of a packaged app is used unless the user names another', () => {
  expect(engineEnvironment({}, '/app/s.node')).toEqual({ REPRISE_SQLITE_BINDING: '/app/s.node', LC_ALL: 'C' });
  expect(engineEnvironment({ REPRISE_SQLITE_BINDING: '/mine.node' }, '/app/s.node')).toMatchObject({ REPRISE_SQLITE_BINDING: '/mine.node' });
});

it('the worker of a packaged app lies beside its archive', () => {
  expect(unpacked('/opt/Reprise/resources/app.asar/out/worker.js')).toBe('/opt/Reprise/resources/app.asar.unpacked/out/worker.js');
  expect(unpacked('C:\\Reprise\\resources\\app.asar\\out\\worker.js')).toBe('C:\\Reprise\\resources\\app.asar.unpacked\\out\\worker.js');
  expect(unpacked('/home/u/app.asar-project/out/worker.js')).toBe('/home/u/app.asar-project/out/worker.js');
});
