/** What keys do in a grid, apart from the grid itself. */

/** How the selection goes along with the cursor. */
export type Reach = 'only' | 'extend' | 'none';

export type GridKey =
  | { readonly does: 'move'; readonly to: number; readonly reach: Reach }
  | { readonly does: 'toggle' | 'open' | 'all' | 'menu' | 'delete' | 'clear' | 'head' };

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

/** @param page rows that fit into the viewport */
export function gridKey(pressed: Pressed, cursor: number, count: number, page: number): GridKey | null {
  const command = pressed.ctrlKey || pressed.metaKey;
  if (pressed.altKey) return null;
  const reach: Reach = pressed.shiftKey ? 'extend' : command ? 'none' : 'only';
  const move = (to: number): GridKey | null => (count === 0 ? null : { does: 'move', to: Math.min(count - 1, Math.max(0, to)), reach });
  switch (pressed.key) {
    case 'ArrowUp':
      return cursor === 0 && reach === 'only' ? { does: 'head' } : move(cursor - 1);
    case 'ArrowDown':
      return move(cursor + 1);
    case 'PageUp':
      return move(cursor - Math.max(1, page - 1));
    case 'PageDown':
      return move(cursor + Math.max(1, page - 1));
    case 'Home':
      return move(0);
    case 'End':
      return move(count - 1);
    case ' ':
      return pressed.shiftKey ? move(cursor) : { does: 'toggle' };
    case 'Enter':
      return command || pressed.shiftKey ? null : { does: 'open' };
    case 'a':
    case 'A':
      return command && !pressed.shiftKey ? { does: 'all' } : null;
    case 'ContextMenu':
      return { does: 'menu' };
    case 'F10':
      return pressed.shiftKey ? { does: 'menu' } : null;
    case 'Delete':
    case 'Backspace':
      return { does: 'delete' };
    case 'Escape':
      return { does: 'clear' };
    default:
      return null;
  }
}
