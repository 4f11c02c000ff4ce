/** A verdict as a shape and a word. */
import { verdictWord, type Verdict } from './words';

/** The state colour that means the same. */
const STATES: Readonly<Record<Verdict, string>> = {
  identical: 'finished',
  'within-tolerance': 'finished',
  diverged: 'failed',
  inconclusive: 'interrupted',
  'not-comparable': 'interrupted',
  'not-executed': 'queued',
};

const pen = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.75, strokeLinecap: 'round', strokeLinejoin: 'round' } as const;

function Shape({ verdict }: { readonly verdict: Verdict }) {
  switch (verdict) {
    case 'identical':
      return <path d="M1.5 4h9M1.5 8h9" {...pen} />;
    case 'within-tolerance':
      return <path d="M1.5 5c1.5-2.5 3-2.5 4.5-1s3 1.5 4.5-1M1.5 9c1.5-2.5 3-2.5 4.5-1s3 1.5 4.5-1" {...pen} />;
    case 'diverged':
      return <path d="M1 6h4l5.5-4M5 6l5.5 4" {...pen} />;
    case 'inconclusive':
      return <path d="M3.5 3.8c.2-3 5-3 5 0 0 1.9-2.5 1.8-2.5 3.7M6 10.5v.1" {...pen} />;
    case 'not-comparable':
      return <path d="M1.5 4h9M1.5 8h9M8.5 1.5l-5 9" {...pen} />;
    case 'not-executed':
      return <circle cx="6" cy="6" r="4.5" {...pen} strokeDasharray="2 2.7" />;
  }
}

export function VerdictShape({ verdict, size = 12 }: { readonly verdict: Verdict; readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">
      <Shape verdict={verdict} />
    </svg>
  );
}

export function VerdictMark({ verdict }: { readonly verdict: Verdict }) {
  return (
    <span className={`state ${STATES[verdict]}`}>
      <VerdictShape verdict={verdict} />
      {verdictWord(verdict)}
    </span>
  );
}

/** The verdict of the page. */
export function VerdictHeadline({ verdict }: { readonly verdict: Verdict }) {
  return (
    <h2 className={`verdict-word state ${STATES[verdict]}`}>
      <VerdictShape verdict={verdict} size={24} />
      {verdictWord(verdict)}
    </h2>
  );
}
