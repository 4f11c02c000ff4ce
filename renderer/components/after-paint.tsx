/** What can wait until the window has been painted for the first time: whoever starts the app wants to see their runs. */
import { startTransition, Suspense, useEffect, useState, type ReactNode } from 'react';

let painted = false;
const waiting = new Set<() => void>();

function afterFirstPaint(tell: () => void): () => void {
  if (waiting.size === 0) {
    // A frame calls back before it is painted, a timer set there after.
    requestAnimationFrame(() =>
      setTimeout(() => {
        painted = true;
        startTransition(() => waiting.forEach((told) => told()));
        waiting.clear();
      }),
    );
  }
  waiting.add(tell);
  return () => waiting.delete(tell);
}

/** Whether the window has been painted. Later views are whole at once. */
export function usePainted(): boolean {
  const [is, setIs] = useState(painted);
  useEffect(() => (is ? undefined : afterFirstPaint(() => setIs(true))), [is]);
  return is;
}

/** Shows its content, which may be lazy, once the window has been painted; until then what looks the same and is made more quickly, or nothing. */
export function AfterPaint({ before = null, children }: { readonly before?: ReactNode; readonly children: ReactNode }) {
  return usePainted() ? <Suspense fallback={before}>{children}</Suspense> : before;
}
