/** How much of something is done, as a bar; the words beside it say the same. */
import './progress-bar.css';

/** @param share 0…1 */
export function ProgressBar({ share }: { readonly share: number }) {
  return (
    <span className="progress-bar" aria-hidden="true">
      <span style={{ transform: `scaleX(${Math.min(1, Math.max(0, share))})` }} />
    </span>
  );
}
