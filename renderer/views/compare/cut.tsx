/** A name that loses its middle where there is not room for it: names of variants differ at their ends. */

const TAIL = 10;
/** Shorter texts are not worth it. */
const SHORT = 14;

export function Cut({ text }: { readonly text: string }) {
  if (text.length <= SHORT) {
    return (
      <span className="truncate" title={text}>
        {text}
      </span>
    );
  }
  // Its two parts would be read as two words.
  return (
    <span className="compare-cut" title={text}>
      <span className="hidden">{text}</span>
      <span className="truncate" aria-hidden="true">
        {text.slice(0, -TAIL)}
      </span>
      <span aria-hidden="true">{text.slice(-TAIL)}</span>
    </span>
  );
}
