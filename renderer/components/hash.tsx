/** A hash shortened to 8 digits; a click copies the whole. */
import { useEffect, useState } from 'react';
import { shortHash } from '../format';

/** The clipboard API needs a permission, and the app grants none: the old way needs none, only the user's click. */
function copy(text: string): boolean {
  const listener = (event: ClipboardEvent): void => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
  };
  document.addEventListener('copy', listener);
  try {
    return document.execCommand('copy');
  } finally {
    document.removeEventListener('copy', listener);
  }
}

export function Hash({ value, of, tabIndex }: { readonly value: string; readonly of: string; readonly tabIndex: number }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button type="button" className="hash" tabIndex={tabIndex} title={`${value}\nClick to copy`} aria-label={copied ? `${of} copied` : `Copy ${of} ${shortHash(value)}`} onClick={() => setCopied(copy(value))}>
      {copied ? 'copied' : shortHash(value)}
    </button>
  );
}
