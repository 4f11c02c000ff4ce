/** Where the window was: `window.json` in the app's data folder. */
import { z } from 'zod';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const MIN_SIZE = { width: 720, height: 480 } as const;
const side = z.int().min(1).max(100_000);
const coordinate = z.int().min(-100_000).max(100_000);

/** Chromium's zoom levels that make sense: 58 % to 249 %; each step is a factor of 1.2. */
export const ZOOM_LEVELS = { min: -3, max: 5 } as const;

export const windowState = z.object({
  bounds: z.object({ x: coordinate, y: coordinate, width: side, height: side }).nullable(),
  maximized: z.boolean(),
  zoomLevel: z.number().min(ZOOM_LEVELS.min).max(ZOOM_LEVELS.max),
});
export type WindowState = z.infer<typeof windowState>;

export const FIRST_STATE: WindowState = { bounds: null, maximized: false, zoomLevel: 0 };

/** How much of the window's upper edge must be in sight for a person to take hold of it, in pixels. */
const HOLD = { width: 120, height: 32 } as const;

function overlap(a: Rectangle, b: Rectangle): { width: number; height: number } {
  return {
    width: Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x),
    height: Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y),
  };
}

/**
 * Where the window goes: where it was, no larger than its display; null where that display is gone.
 * @param workAreas of the displays that are there now
 */
export function placement(bounds: Rectangle | null, workAreas: readonly Rectangle[]): Rectangle | null {
  if (bounds === null) return null;
  const upperEdge = { ...bounds, height: HOLD.height };
  const area = workAreas.find((one) => {
    const seen = overlap(upperEdge, one);
    return seen.width >= Math.min(HOLD.width, bounds.width) && seen.height >= HOLD.height;
  });
  if (area === undefined) return null;
  return { x: bounds.x, y: bounds.y, width: Math.max(MIN_SIZE.width, Math.min(bounds.width, area.width)), height: Math.max(MIN_SIZE.height, Math.min(bounds.height, area.height)) };
}
