import { count, number } from "../draw/format.ts";
import type { Head } from "../store/heads.ts";
import { ATTENTION_BINS } from "../store/schema.gen.ts";

const WIDTH = 320;
const HEIGHT = 64;

/** Queries by the largest attention that they pay to a counted key: how sharp the head is. */
export function LargestAttention({ head }: { head: Head }) {
  const counts = Array.from(head.ints.max_hist);
  const tallest = Math.max(...counts, 1);
  const bar = WIDTH / ATTENTION_BINS;
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`} role="img" aria-label={`histogram of queries by their largest attention, mean ${number(head.floats.mean_max_attention[0] ?? 0)}`}>
        {counts.map((n, i) => (
          <rect key={i} class="bar" x={i * bar + 0.5} y={HEIGHT * (1 - n / tallest)} width={bar - 1} height={(HEIGHT * n) / tallest}>
            <title>{`${number(i / ATTENTION_BINS)} to ${number((i + 1) / ATTENTION_BINS)}: ${count(n)} queries`}</title>
          </rect>
        ))}
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {[0, 0.5, 1].map((p) => (
          <text key={p} class="tick" x={p * WIDTH} y={HEIGHT + 13} text-anchor={p === 0 ? "start" : p === 1 ? "end" : "middle"}>
            {p}
          </text>
        ))}
      </svg>
      <figcaption class="quiet">Queries by the largest attention that they pay to a key other than the first position; the tallest bar is {count(tallest)} queries.</figcaption>
    </figure>
  );
}
