/** The renderer's only door to the engine and the main process: what the preload put on the window. */
import type { RepriseBridge } from '../src/api/bridge';

declare global {
  interface Window {
    readonly reprise: RepriseBridge;
  }
}

export const client: RepriseBridge = window.reprise;
