/** The one component that draws with plotly.js: theme, size, zoom, export and the table beside it are the same for every chart. */
import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';
import { ActionIcon, Menu } from '@mantine/core';
import { ChartNoAxesCombined, EllipsisVertical, FileCode, Image, Table2, ZoomOut } from 'lucide-react';
import type { Spec } from 'plotly.js-strict-dist-min';
import { ask, shell } from '../client';
import { Problem } from '../components/messages';
import { complain, say } from '../notice';
import { loadPlotly } from './plot';
import type { Ranges } from './ranges';
import { useChartTheme, type ChartTheme } from './theme';
import './chart.css';

export interface Figure {
  readonly traces: readonly Spec[];
  readonly layout: Spec;
}

/** Draws for a width in pixels. `zoom` null: all there is. */
export type Draw = (theme: ChartTheme, width: number, zoom: Ranges | null) => Figure;

/** The chart's numbers. Columns have names of their own, and the first cell of a row is its name. */
export interface ChartTable {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface ChartProps {
  /** Keep it the same function while nothing changed: only a new one draws anew. */
  readonly draw: Draw;
  /** Asked for when the table is shown. */
  readonly table: () => ChartTable;
  readonly label: string;
  readonly exportName: string;
  /** Pixels. */
  readonly height: number;
  /** What the axes measure: a zoom ends where this changes. */
  readonly axes: string;
  /** Told of the part of the x axis that is zoomed to; null: all of it. Keep it the same function. */
  readonly onRange?: (x: Ranges['x'] | null) => void;
}

/** Experiments may have longer names than a file should. */
const NAME_LENGTH = 120;

const CONFIG: Spec = { displayModeBar: false, displaylogo: false, doubleClick: false, showTips: false, responsive: false };

function useWidth(): readonly [(element: HTMLElement | null) => void, number] {
  const [element, setElement] = useState<HTMLElement | null>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, width];
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function save(element: HTMLElement, format: 'svg' | 'png', name: string, size: { readonly width: number; readonly height: number }): Promise<void> {
  try {
    const plotly = await loadPlotly();
    const data = await plotly.toImage(element, { format, ...size, ...(format === 'png' ? { scale: 2 } : {}), imageDataOnly: true });
    const file = await ask(shell.saveFile({ kind: format, suggestion: `${name.slice(0, NAME_LENGTH)}.${format}`, content: format === 'png' ? bytesOf(data) : data }));
    if (file !== null) say('Chart saved');
  } catch (error) {
    complain('The chart could not be saved', error);
  }
}

function NumbersTable({ table, height }: { readonly table: ChartTable; readonly height: number }) {
  return (
    <div className="chart-table" style={{ maxHeight: Math.max(height - 28, 160) }} tabIndex={0} role="region" aria-label={table.caption}>
      <table className="dense">
        <caption className="hidden">{table.caption}</caption>
        <thead>
          <tr>
            {table.columns.map((column, index) => (
              <th key={column} scope="col" className={index === 0 ? undefined : 'number'}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row) => (
            <tr key={row[0]}>
              {row.map((cell, column) => (
                <td key={table.columns[column]} className={column === 0 ? undefined : 'number'}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface PlotProps {
  readonly element: RefObject<HTMLDivElement | null>;
  readonly draw: Draw;
  readonly label: string;
  readonly width: number;
  readonly height: number;
  readonly zoom: Ranges | null;
  readonly onZoom: (ranges: Ranges | null) => void;
}

function Plot({ element, draw, label, width, height, zoom, onZoom }: PlotProps) {
  const theme = useChartTheme();
  const [state, setState] = useState<'waiting' | 'drawn' | { readonly error: unknown }>('waiting');

  useEffect(() => {
    const target = element.current;
    if (target === null || width === 0) return undefined;
    let current = true;
    loadPlotly()
      .then(async (plotly) => {
        if (!current) return;
        const { traces, layout } = draw(theme, width, zoom);
        const shown = await plotly.react(target, traces, { ...layout, width, height }, CONFIG);
        if (!current) return;
        shown.removeAllListeners('plotly_relayout');
        shown.removeAllListeners('plotly_doubleclick');
        shown.on('plotly_relayout', (update) => {
          const { xaxis, yaxis } = shown.layout;
          // A double click, too, ends with an update, an empty one.
          if (Object.keys(update).length > 0) onZoom({ x: [...xaxis.range], y: [...yaxis.range] });
        });
        shown.on('plotly_doubleclick', () => onZoom(null));
        setState('drawn');
      })
      .catch((error: unknown) => {
        if (current) setState({ error });
      });
    return () => {
      current = false;
    };
  }, [element, draw, theme, width, height, zoom, onZoom]);

  useEffect(() => {
    const target = element.current;
    return () => {
      if (target !== null) void loadPlotly().then((plotly) => plotly.purge(target));
    };
  }, [element]);

  const failed = typeof state === 'object';
  return (
    <>
      {failed && <Problem error={state.error} />}
      {state === 'waiting' && (
        <p className="chart-wait" role="status">
          Drawing…
        </p>
      )}
      <div ref={element} className="chart-plot" role="img" aria-label={label} style={{ height }} hidden={failed} />
    </>
  );
}

export function Chart({ draw, table, label, exportName, height, axes, onRange }: ChartProps) {
  const [measure, width] = useWidth();
  const plot = useRef<HTMLDivElement>(null);
  const [zoomed, setZoomed] = useState<{ readonly axes: string; readonly ranges: Ranges | null }>({ axes, ranges: null });
  const [asTable, setAsTable] = useState(false);
  const [menu, setMenu] = useState(false);
  const zoom = zoomed.axes === axes ? zoomed.ranges : null;
  const onZoom = useCallback(
    (ranges: Ranges | null) => {
      setZoomed({ axes, ranges });
      onRange?.(ranges?.x ?? null);
    },
    [axes, onRange],
  );
  const onSave = (format: 'svg' | 'png'): void => {
    if (plot.current !== null) void save(plot.current, format, exportName, { width, height });
  };

  return (
    <figure
      className="chart"
      ref={measure}
      onContextMenu={(event) => {
        event.preventDefault();
        setMenu(true);
      }}
    >
      {asTable ? <NumbersTable table={table()} height={height} /> : <Plot element={plot} draw={draw} label={label} width={width} height={height} zoom={zoom} onZoom={onZoom} />}
      <Menu position="bottom-end" withinPortal={false} opened={menu} onChange={setMenu}>
        <Menu.Target>
          <ActionIcon className="chart-menu" variant="default" size={24} aria-label={`Chart menu: ${label}`}>
            <EllipsisVertical size={14} aria-hidden="true" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={asTable ? <ChartNoAxesCombined size={14} /> : <Table2 size={14} />} onClick={() => setAsTable(!asTable)}>
            {asTable ? 'Show as chart' : 'Show as table'}
          </Menu.Item>
          {!asTable && (
            <>
              <Menu.Item leftSection={<ZoomOut size={14} />} disabled={zoom === null} onClick={() => onZoom(null)}>
                Show all
              </Menu.Item>
              <Menu.Divider />
              <Menu.Item leftSection={<FileCode size={14} />} onClick={() => onSave('svg')}>
                Save as SVG…
              </Menu.Item>
              <Menu.Item leftSection={<Image size={14} />} onClick={() => onSave('png')}>
                Save as PNG…
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
    </figure>
  );
}
