/** A hash shortened to 8 digits; a click copies the whole. */
import { shortHash } from '../format';
import { copy } from '../notice';

export function Hash({ value, of, tabIndex = 0 }: { readonly value: string; readonly of: string; readonly tabIndex?: number }) {
  return (
    <button type="button" className="hash" tabIndex={tabIndex} title={`${value}\nClick to copy`} aria-label={`Copy ${of} ${shortHash(value)}`} onClick={() => void copy(value, of)}>
      {shortHash(value)}
    </button>
  );
}
