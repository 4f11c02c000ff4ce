/** Chooses how much curves are smoothed, and says it. */
import { useId, useMemo, useState, type ReactNode } from 'react';
import { Slider } from '@mantine/core';
import { halfLives } from '../../src/analysis/smooth';
import { plural } from '../format';
import './chart.css';

export interface Smoothing {
  /** In steps; 0: none. */
  readonly halfLife: number;
  /** `smoothed: EMA, half-life 20 steps`. */
  readonly words: string;
  readonly control: ReactNode;
}

/** @param span steps from the first to the last of the longest curve */
export function useSmoothing(span: number): Smoothing {
  const id = useId();
  const [wish, setWish] = useState(0);
  const offered = useMemo(() => halfLives(span), [span]);
  const place = Math.max(0, offered.findLastIndex((halfLife) => halfLife <= wish));
  const halfLife = offered[place] ?? 0;
  const words = halfLife === 0 ? 'not smoothed' : `smoothed: EMA, half-life ${plural(halfLife, 'step')}`;
  return {
    halfLife,
    words,
    control: (
      <div className="chart-smoothing">
        <span id={id}>Smoothing</span>
        <Slider
          size="sm"
          min={0}
          max={Math.max(1, offered.length - 1)}
          step={1}
          value={place}
          disabled={offered.length < 2}
          label={null}
          onChange={(index) => setWish(offered[index] ?? 0)}
          thumbProps={{ 'aria-labelledby': id, 'aria-valuetext': words }}
        />
        <span className="soft numbers">{words}</span>
      </div>
    ),
  };
}
