/** A button and what it opens beside it, which comes after the first painting. */
import { cloneElement, lazy, type ReactElement, type ReactNode } from 'react';
import { AfterPaint } from './after-paint';

const Bubble = lazy(async () => ({ default: (await import('./bubble')).Bubble }));

export interface PopupProps {
  readonly button: ReactElement<{ readonly inert?: boolean; readonly onClick?: () => void }>;
  /** Of what opens. */
  readonly label: string;
  readonly className: string;
  readonly position: 'top-end' | 'bottom-start' | 'bottom-end';
  readonly children: (close: () => void) => ReactNode;
}

export function Popup(props: PopupProps) {
  return (
    <AfterPaint before={cloneElement(props.button, { inert: true })}>
      <Bubble {...props} />
    </AfterPaint>
  );
}
