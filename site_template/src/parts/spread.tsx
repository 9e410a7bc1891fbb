import { count, number, percent } from "../draw/format.ts";
import type { Histogram } from "../state/browse.ts";
import type { Column } from "../state/list.ts";
import { EVERYTHING, formatRange, type Range } from "../state/ranges.ts";
import { BARS } from "../state/spread.ts";
import { DOCS } from "../store/schema.gen.ts";
import { Brush } from "./brush.tsx";

const HEIGHT = 36;

interface Props {
  column: Column;
  histogram: Histogram;
  range: Range;
  order: "descending" | "ascending" | "none";
  onSort: () => void;
  onRange: (range: Range, settled: boolean) => void;
}

/** How a statistic is spread over the rows that pass the other filters, before its shape over all; drag to bound it. */
export function Spread({ column, histogram, range, order, onSort, onRange }: Props) {
  const { all, passing } = histogram;
  const show = column.share ? percent : number;
  const total = all === null ? 0 : sum(all.counts);
  const wide = all !== null && all.low < all.high;
  const says = `${column.name} of ${passing === null ? "" : `${count(sum(passing))} of `}${count(total)} living latents`;
  return (
    <figure class="spread" aria-label={column.name} data-statistic={column.id}>
      <figcaption>
        <button type="button" class="name" aria-pressed={order !== "none"} data-order={order} onClick={onSort} title={`${DOCS[column.id]}; click to sort`}>
          {column.name}
        </button>
      </figcaption>
      <div class="drawing">
        <svg viewBox={`0 0 ${BARS} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={says}>
          {all && <path class="all" d={shape(all.counts)} />}
          {passing && <path class="bar" d={shape(passing)} />}
        </svg>
        {wide && <Brush name={column.name} axis={all} {...{ range, show, onRange }} />}
      </div>
      <p class="ends">
        {all === null ? (
          <span>…</span>
        ) : total === 0 ? (
          <span>no latent fires</span>
        ) : !wide ? (
          <span>all {show(all.low)}</span>
        ) : formatRange(range) === null ? (
          <>
            <span>{show(all.low)}</span>
            {all.log && <span>log</span>}
            <span>{show(all.high)}</span>
          </>
        ) : (
          <>
            <b>{inWords(range, show)}</b>
            <button type="button" class="clear" aria-label={`any ${column.name}`} onClick={() => onRange(EVERYTHING, true)}>
              ×
            </button>
          </>
        )}
      </p>
    </figure>
  );
}

function inWords({ low, high }: Range, show: (value: number) => string): string {
  if (low === null) return `≤ ${show(high ?? 0)}`;
  return high === null ? `≥ ${show(low)}` : `${show(low)} – ${show(high)}`;
}

/** The bars as one path, the tallest as high as the drawing. */
function shape(counts: ArrayLike<number>): string {
  const tallest = Array.from(counts).reduce((a, b) => Math.max(a, b), 1);
  const bar = (n: number, i: number) => (n === 0 ? "" : `M${i} ${HEIGHT}V${(HEIGHT * (1 - n / tallest)).toFixed(2)}h.9V${HEIGHT}`);
  return Array.from(counts, bar).join("");
}

function sum(counts: ArrayLike<number>): number {
  return Array.from(counts).reduce((a, b) => a + b, 0);
}
