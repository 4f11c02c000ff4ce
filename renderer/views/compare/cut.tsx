/** A name that loses its middle where there is not room for it: names of variants differ at their ends. */

const TAIL = 10;

export function Cut({ text }: { readonly text: string }) {
  return (
    <span className="compare-cut" title={text}>
      <span className="truncate">{text.slice(0, -TAIL)}</span>
      <span>{text.slice(-TAIL)}</span>
    </span>
  );
}
