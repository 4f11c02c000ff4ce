/** Where the user is, with the way back. */
import { create } from 'zustand';

export type Place =
  | { readonly view: 'experiments'; readonly experiment?: string }
  | { readonly view: 'run'; readonly run: string }
  /** Runs of another program that come in; null: nobody has said yet where they lie. */
  | { readonly view: 'import'; readonly path: string | null }
  /** Runs of an experiment, or one run, that go out; `name` is what people call it. */
  | { readonly view: 'export-runs'; readonly target: string; readonly name: string }
  /** The list of studies and the study that is being edited. */
  | { readonly view: 'ablations' }
  /** One study: its matrix, running or ended. */
  | { readonly view: 'study'; readonly studyId: string }
  /** The editor of a new or opened study. */
  | { readonly view: 'editor' }
  | { readonly view: 'compare'; readonly experiment?: string }
  | { readonly view: 'side-by-side'; readonly runs: readonly string[] }
  | { readonly view: 'bundles' }
  /** Choices of an export. */
  | { readonly view: 'export'; readonly target: string }
  | { readonly view: 'bundle'; readonly file: string }
  | { readonly view: 'verdict'; readonly verdictId: string }
  | { readonly view: 'machines' }
  | { readonly view: 'settings' };

export type Rail = 'experiments' | 'ablations' | 'compare' | 'bundles' | 'machines' | 'settings';

/** Which place of the rail a view belongs to. */
export function railOf({ view }: Place): Rail {
  switch (view) {
    case 'experiments':
    case 'run':
    case 'import':
    case 'export-runs':
      return 'experiments';
    case 'ablations':
    case 'study':
    case 'editor':
      return 'ablations';
    case 'compare':
    case 'side-by-side':
      return 'compare';
    case 'bundles':
    case 'export':
    case 'bundle':
    case 'verdict':
      return 'bundles';
    case 'machines':
    case 'settings':
      return view;
  }
}

/** When the inspector on the right is shown: with a selection, also without one, or never. */
export type Inspector = 'selection' | 'always' | 'never';

interface PlaceState {
  readonly place: Place;
  readonly back: readonly Place[];
  readonly forward: readonly Place[];
  readonly inspector: Inspector;
}

const MOST_BACK = 100;

export const usePlace = create<PlaceState>(() => ({ place: { view: 'experiments' }, back: [], forward: [], inspector: 'selection' }));

/** When the present place was gone to, by the page's clock. */
let arrived = -Infinity;
const DOUBLE_CLICK_MS = 500;

/** Where a click leads elsewhere, the second one of a double click falls into the new view and would select its text. */
function noSelection(event: Event): void {
  if (performance.now() - arrived < DOUBLE_CLICK_MS) event.preventDefault();
}

/** Keeps double clicks from selecting text in the place they led to; called once. @returns the function that ends it */
export function keepSelectionOut(): () => void {
  document.addEventListener('selectstart', noSelection);
  return () => document.removeEventListener('selectstart', noSelection);
}

export function go(place: Place): void {
  arrived = performance.now();
  usePlace.setState((state) => (JSON.stringify(state.place) === JSON.stringify(place) ? state : { place, back: [...state.back, state.place].slice(-MOST_BACK), forward: [] }));
}

/** Changes the present place without a step to go back to. */
export function replace(place: Place): void {
  usePlace.setState({ place });
}

export function goBack(): void {
  usePlace.setState(({ place, back, forward }) => {
    const last = back.at(-1);
    return last === undefined ? {} : { place: last, back: back.slice(0, -1), forward: [place, ...forward] };
  });
}

export function goForward(): void {
  usePlace.setState(({ place, back, forward }) => {
    const [next, ...rest] = forward;
    return next === undefined ? {} : { place: next, back: [...back, place], forward: rest };
  });
}

/** When the inspector is shown from now on, after it was opened or closed by hand. */
export function toggled(shown: boolean, selected: boolean): Inspector {
  if (shown) return selected ? 'never' : 'selection';
  return selected ? 'selection' : 'always';
}

export function toggleInspector(shown: boolean, selected: boolean): void {
  usePlace.setState({ inspector: toggled(shown, selected) });
}
