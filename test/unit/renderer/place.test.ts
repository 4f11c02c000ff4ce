import { describe, expect, it } from 'vitest';
import { toggled } from '../../../renderer/state/place';

describe('toggled', () => {
  it('closes for good what shows a selection, and comes back with the next one', () => {
    expect(toggled(true, true)).toBe('never');
    expect(toggled(false, true)).toBe('selection');
  });
  it('opens without a selection where that is asked for, and closes until there is one', () => {
    expect(toggled(false, false)).toBe('always');
    expect(toggled(true, false)).toBe('selection');
  });
});
