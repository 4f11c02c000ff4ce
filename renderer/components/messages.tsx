/** What stands in place of content: not there yet, nothing there, or something went wrong. */
import type { ReactNode } from 'react';
import { Button } from '@mantine/core';
import { reportOf } from '../client';
import { StateShape } from './state-mark';
import './messages.css';

/** Shown where an answer takes longer than a blink, so that quick answers do not flicker. */
export function Loading({ text }: { readonly text: string }) {
  return (
    <div className="message loading">
      <p role="status">{text}</p>
    </div>
  );
}

/** Teaches in one sentence and offers one action. */
export function Empty({ title, children, action }: { readonly title: string; readonly children: ReactNode; readonly action?: ReactNode }) {
  return (
    <section className="message">
      <h2>{title}</h2>
      <div className="message-text">{children}</div>
      {action !== undefined && <div className="message-action">{action}</div>}
    </section>
  );
}

/** What happened, to what, and the next step; the code small below. */
export function Failure({ title, error, onRetry }: { readonly title: string; readonly error: unknown; readonly onRetry?: (() => void) | undefined }) {
  const { message, hint, code } = reportOf(error);
  return (
    <section className="message" role="alert">
      <h2 className="message-failed">
        <span className="state failed">
          <StateShape status="failed" />
        </span>
        {title}
      </h2>
      <p>{message}</p>
      {hint !== undefined && <Hint text={hint} />}
      {onRetry !== undefined && (
        <div className="message-action">
          <Button onClick={onRetry}>Try again</Button>
        </div>
      )}
      <p className="message-code">{code}</p>
    </section>
  );
}

/** The same in the flow of a page: beside what it is about. */
export function Problem({ error }: { readonly error: unknown }) {
  const { message, hint, code } = reportOf(error);
  return (
    <div className="problem" role="alert">
      <p>{message}</p>
      {hint !== undefined && <Hint text={hint} />}
      <p className="message-code">{code}</p>
    </div>
  );
}

/** A hint with its command line options in one piece. */
function Hint({ text }: { readonly text: string }) {
  const parts = text.split(/(--[\w-]+(?: [A-Z]+)?)/u);
  return <p className="soft">{parts.map((part, index) => (index % 2 === 1 ? <span key={part} className="mono message-option">{part}</span> : part))}</p>;
}
