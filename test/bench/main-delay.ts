/** How long Electron's main process keeps its event loop waiting. */
import type { ElectronApplication } from 'playwright';

export interface Delay {
  readonly p99: number;
  readonly max: number;
}

/** Event loop delay of the main process in milliseconds: the time between two turns of a timer of 1 ms. */
export async function watchMain(app: ElectronApplication): Promise<() => Promise<Delay>> {
  await app.evaluate(() => {
    const { monitorEventLoopDelay } = process.getBuiltinModule('node:perf_hooks');
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    (globalThis as unknown as { delays: typeof histogram }).delays = histogram;
  });
  return () =>
    app.evaluate(() => {
      const { delays } = globalThis as unknown as { delays: { percentile(p: number): number; max: number; disable(): void } };
      delays.disable();
      return { p99: delays.percentile(99) / 1e6, max: delays.max / 1e6 };
    });
}
