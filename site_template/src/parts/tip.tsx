import { count, number } from "../draw/format.ts";
import { alone } from "../draw/glyphs.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Pointed } from "./strip.tsx";

const WIDTH = 232;
const GAP = 4;

/** What is known about the token that is pointed at, just below it. */
export function Tip({ pointed, vocabulary }: { pointed: Pointed; vocabulary: Vocabulary }) {
  const { excerpt, index, element } = pointed;
  const box = element.getBoundingClientRect();
  const left = Math.max(GAP, Math.min(box.left, document.documentElement.clientWidth - WIDTH - GAP));
  const type = excerpt.types[index] ?? 0;
  return (
    <div class="tip" role="status" style={{ left: `${left}px`, top: `${box.bottom + GAP}px`, width: `${WIDTH}px` }}>
      <p>
        <span class="token">{alone(vocabulary, type)}</span> <span class="quiet">token {count(type)}</span>
      </p>
      <p>
        <span class="quiet">activation</span> <b>{number(excerpt.activations[index] ?? 0)}</b>
      </p>
      <p class="quiet">position {count(excerpt.position + index)} of its document</p>
    </div>
  );
}
