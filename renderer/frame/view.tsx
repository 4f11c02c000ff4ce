/** The parts every view is made of: a head with at most one primary action, the pane, the inspector beside it. */
import type { ReactNode } from 'react';
import { useId } from 'react';
import { X } from 'lucide-react';
import { ActionIcon } from '@mantine/core';
import { toggleInspector, usePlace } from '../state/place';

export interface ViewProps {
  readonly title: ReactNode;
  /** Beside the title: what is shown, in few words. */
  readonly subtitle?: ReactNode;
  /** Buttons of the head, the primary one last: it always stands in the upper right corner. */
  readonly actions?: ReactNode;
  /** What the inspector shows of the selection; without it there is none. */
  readonly inspector?: { readonly title: string; readonly content: ReactNode } | null;
  /** A pane that scrolls its parts itself. */
  readonly fixed?: boolean;
  readonly children: ReactNode;
}

export function View({ title, subtitle, actions, inspector = null, fixed = false, children }: ViewProps) {
  const open = usePlace((state) => state.inspector) && inspector !== null;
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
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Close the inspector" onClick={toggleInspector}>
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
