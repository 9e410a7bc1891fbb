import type { Vocabulary } from "../store/atlas.ts";
import type { Preview } from "../store/dictionary.ts";
import { SNIPPETS } from "../store/schema.gen.ts";
import { Snippet } from "./snippet.tsx";

const WIDTH = 360;
const GAP = 4;

interface Props {
  preview: Preview;
  /** What the card is about; it floats just below. */
  anchor: Element;
  vocabulary: Vocabulary;
}

/** A latent at a glance: snippets of its top, a middling and a random example. */
export function PreviewCard({ preview, anchor, vocabulary }: Props) {
  const box = anchor.getBoundingClientRect();
  const left = Math.max(GAP, Math.min(box.left, document.documentElement.clientWidth - WIDTH - GAP));
  return (
    <div class="tip" role="status" style={{ left: `${left}px`, top: `${box.bottom + GAP}px`, width: `min(${WIDTH}px, 100vw - ${2 * GAP}px)` }}>
      {Array.from({ length: SNIPPETS }, (_, number) => (
        <Snippet key={number} {...{ preview, number, vocabulary }} />
      ))}
    </div>
  );
}
