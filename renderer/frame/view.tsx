/** The parts every view is made of: a head with at most one primary action, the pane, the inspector beside it. */
import type { ReactNode } from 'react';
import { useCallback, useEffect, useId, useState } from 'react';
import { X } from 'lucide-react';
import { ActionIcon } from '@mantine/core';
import { useCommand } from '../state/commands';
import { toggleInspector, usePlace } from '../state/place';

export interface ViewProps {
  readonly title: ReactNode;
  /** Beside the title: what is shown, in few words. */
  readonly subtitle?: ReactNode;
  /** Buttons of the head, the primary one last: it always stands in the upper right corner. */
  readonly actions?: ReactNode;
  /** What the inspector shows; without it there is none. Where nothing is `selected` it only takes room when asked for. */
  readonly inspector?: { readonly title: string; readonly content: ReactNode; readonly selected?: boolean } | null;
  /** A pane that scrolls its parts itself. */
  readonly fixed?: boolean;
  readonly children: ReactNode;
}

/** A double click goes to where its first click went: what that selects must not come between them. */
const DOUBLE_CLICK_MS = 300;

/** The same, but true only after the time of a double click; at once where it begins true. */
function useLate(wanted: boolean): boolean {
  const [late, setLate] = useState(wanted);
  useEffect(() => {
    const timer = window.setTimeout(() => setLate(wanted), wanted ? DOUBLE_CLICK_MS : 0);
    return () => window.clearTimeout(timer);
  }, [wanted]);
  return wanted && late;
}

export function View({ title, subtitle, actions, inspector = null, fixed = false, children }: ViewProps) {
  const when = usePlace((state) => state.inspector);
  const selected = inspector !== null && inspector.selected !== false;
  const late = useLate(selected);
  const open = inspector !== null && (when === 'always' || (when === 'selection' && late));
  const toggle = useCallback(() => toggleInspector(open, selected), [open, selected]);
  useCommand('view.inspector', inspector === null ? null : toggle);
  const titleId = useId();
  return (
    <div className={open ? 'view with-inspector' : 'view'}>
      <main className="view-main" aria-labelledby={titleId}>
        <header className="view-head">
          <h1 id={titleId} className="truncate">
            {title}
          </h1>
          {subtitle !== undefined && <div className="view-subtitle truncate">{subtitle}</div>}
          <div className="view-actions">{actions}</div>
        </header>
        <div className={fixed ? 'view-pane fixed' : 'view-pane'}>{children}</div>
      </main>
      {open && (
        <aside className="inspector" aria-label={inspector.title}>
          <header className="inspector-head">
            <h2 className="truncate">{inspector.title}</h2>
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Close the inspector" onClick={toggle}>
              <X size={14} aria-hidden="true" />
            </ActionIcon>
          </header>
          <div className="inspector-content">{inspector.content}</div>
        </aside>
      )}
    </div>
  );
}

/** A titled part of a pane or the inspector. */
export function Section({ title, aside, children }: { readonly title: string; readonly aside?: ReactNode; readonly children: ReactNode }) {
  const id = useId();
  return (
    <section className="section" aria-labelledby={id}>
      <header className="section-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div className="section-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}
