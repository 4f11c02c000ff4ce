/** Where the window was: `window.json` in the app's data folder. */
import { hasShape } from './json-file';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const MIN_SIZE = { width: 720, height: 480 } as const;

/** Chromium's zoom levels that make sense: 58 % to 249 %; each step is a factor of 1.2. */
export const ZOOM_LEVELS = { min: -3, max: 5 } as const;

export interface WindowState {
  /** null: nowhere yet. */
  readonly bounds: Rectangle | null;
  readonly maximized: boolean;
  readonly zoomLevel: number;
}

const isWithin = (low: number, high: number) => (value: unknown): boolean => typeof value === 'number' && value >= low && value <= high;
const isWhole = (low: number, high: number) => (value: unknown): boolean => Number.isInteger(value) && isWithin(low, high)(value);
const isCoordinate = isWhole(-100_000, 100_000);
const isSide = isWhole(1, 100_000);

/** Whether a value is what `window.json` should hold. */
export function isWindowState(value: unknown): value is WindowState {
  return hasShape<WindowState>(value, {
    bounds: (bounds) => bounds === null || hasShape<Rectangle>(bounds, { x: isCoordinate, y: isCoordinate, width: isSide, height: isSide }),
    maximized: (maximized) => typeof maximized === 'boolean',
    zoomLevel: isWithin(ZOOM_LEVELS.min, ZOOM_LEVELS.max),
  });
}

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
