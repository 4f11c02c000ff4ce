import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TaskView } from '../../../src/api/long-work';
import { Tasks, type TaskHandle } from '../../../src/engine/tasks';
import { refuseCancelled } from '../../../src/errors/cancelled';
import { RepriseError } from '../../../src/errors/errors';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function tasksWithLog(): { tasks: Tasks; told: TaskView[] } {
  const told: TaskView[] = [];
  return { tasks: new Tasks((view) => told.push(view)), told };
}

/** Work that ends when it is told to, or when it is cancelled. */
function openWork(): { work: (handle: TaskHandle) => Promise<string>; handle: () => TaskHandle; finish: (value: string) => void; fail: (error: unknown) => void } {
  let known: TaskHandle | undefined;
  let resolve: (value: string) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<string>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return {
    work: (handle) => {
      known = handle;
      handle.signal.addEventListener('abort', () => {
        try {
          refuseCancelled(handle.signal);
        } catch (error) {
          reject(error);
        }
      });
      return promise;
    },
    handle: () => known as TaskHandle,
    finish: resolve,
    fail: reject,
  };
}

const start = (id: string | undefined) => ({ id, kind: 'export', subject: 'x', title: 'Export x' }) as const;

describe('Tasks', () => {
  it('tells of a task at most five times a second, and of its end at once', async () => {
    const { tasks, told } = tasksWithLog();
    const open = openWork();
    const answer = tasks.run(start('a'), open.work, (value) => value);
    for (let at = 1; at <= 100; at += 1) {
      open.handle().report(at, 100, `step ${at}`);
      vi.advanceTimersByTime(10);
    }
    expect(told.length).toBeGreaterThanOrEqual(5);
    expect(told.length).toBeLessThanOrEqual(6);
    expect(told.at(-1)?.done).toBeGreaterThan(80);
    open.handle().report(100, 100, 'all');
    open.finish('file');
    expect(await answer).toBe('file');
    expect(told.at(-1)).toMatchObject({ status: 'done', result: 'file', done: 100, text: 'all', error: null });
    const { length } = told;
    vi.advanceTimersByTime(1000);
    expect(told).toHaveLength(length);
  });

  it('cancels, and says so once the work has stopped', async () => {
    const { tasks, told } = tasksWithLog();
    const open = openWork();
    const answer = tasks.run(start('a'), open.work, (value) => value);
    expect(tasks.cancel('a')).toMatchObject({ status: 'running', text: 'Cancelling…' });
    open.handle().report(3, 4, 'still at it');
    await expect(answer).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(tasks.list()[0]).toMatchObject({ status: 'cancelled', done: 3, error: null, result: null });
    expect(tasks.cancel('a').status).toBe('cancelled');
    expect(told.at(-1)?.status).toBe('cancelled');
  });

  it('keeps the error of a task that fails', async () => {
    const { tasks } = tasksWithLog();
    const open = openWork();
    const answer = tasks.run(start('a'), open.work, (value) => value);
    open.fail(new RepriseError('DISK_FULL', 'The disk is full.', { kind: 'system', hint: 'Make room.' }));
    await expect(answer).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(tasks.list()[0]).toMatchObject({ status: 'failed', error: { code: 'DISK_FULL', message: 'The disk is full.', hint: 'Make room.' } });
  });

  it('remembers the last 20 that ended and all that run, newest first', async () => {
    const { tasks } = tasksWithLog();
    const open = openWork();
    const running = tasks.run(start('running'), open.work, () => null);
    for (let at = 0; at < 25; at += 1) {
      vi.advanceTimersByTime(5);
      await tasks.run(start(`t${at}`), () => Promise.resolve(null), () => null);
    }
    expect(tasks.list().map(({ task }) => task)).toEqual([...Array.from({ length: 20 }, (_, at) => `t${24 - at}`), 'running']);
    open.finish('');
    await running;
  });

  it('refuses an id twice, and an unknown one', async () => {
    const { tasks } = tasksWithLog();
    await tasks.run(start('a'), () => Promise.resolve(1), () => null);
    await expect(tasks.run(start('a'), () => Promise.resolve(2), () => null)).rejects.toMatchObject({ code: 'TASK_EXISTS' });
    expect(() => tasks.cancel('b')).toThrow(expect.objectContaining({ code: 'TASK_NOT_FOUND' }));
  });

  it('stops what has no id too when the engine closes', async () => {
    const { tasks, told } = tasksWithLog();
    const [nameless, named] = [openWork(), openWork()];
    const answers = [tasks.run(start(undefined), nameless.work, () => null), tasks.run(start('a'), named.work, () => null)];
    const settled = Promise.allSettled(answers);
    await tasks.stop();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(told.map(({ task }) => task)).not.toContain(undefined);
    expect(tasks.list()).toHaveLength(1);
  });
});
