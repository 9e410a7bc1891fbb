import { number } from "../draw/format.ts";
import type { Label } from "../store/labels.ts";

/** Labels shown at once; what is beyond is folded. */
const SHOWN = 3;

/** What a latent is said to fire on: each with who says so and how it scored. */
export function Labels({ labels }: { labels: readonly Label[] }) {
  const rest = labels.slice(SHOWN);
  return (
    <>
      {labels.slice(0, SHOWN).map(line)}
      {rest.length > 0 && (
        <details>
          <summary class="quiet">{rest.length === 1 ? "one more label" : `${rest.length} more labels`}</summary>
          {rest.map(line)}
        </details>
      )}
    </>
  );
}

function line({ text, source, score }: Label, at: number) {
  return (
    <p class="label" key={at}>
      {text}{" "}
      <span class="quiet">
        label: {source}
        {score !== null && `, score ${number(score)}`}
      </span>
    </p>
  );
}
