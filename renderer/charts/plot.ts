/** The door to plotly.js: loaded when the first chart is shown, and without breaking the page's content security policy. */
import type plotly from 'plotly.js-strict-dist-min';
import { styleNonce } from '../theme/mantine';

export type Plotly = typeof plotly;

/** Ids of the style elements that plotly.js makes while it loads: one that is there is used. The second belongs to its maps, which no chart of ours draws. */
const STYLE_IDS = ['plotly.js-style-global', '9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53'];

function prepareStyles(): void {
  for (const id of STYLE_IDS) {
    if (document.getElementById(id) !== null) continue;
    const style = document.createElement('style');
    style.id = id;
    style.nonce = styleNonce();
    document.head.append(style);
  }
}

let loading: Promise<Plotly> | null = null;

/** plotly.js; the same promise for all who ask. A failed load is tried again by the next one. */
export function loadPlotly(): Promise<Plotly> {
  if (loading === null) {
    prepareStyles();
    loading = import('plotly.js-strict-dist-min').then((module) => module.default);
    loading.catch(() => (loading = null));
  }
  return loading;
}
