import { count, number } from "../draw/format.ts";
import { scattered, spread } from "../state/comparison.ts";
import type { Columns } from "../store/comparison.ts";

const BINS = 40;
const WIDTH = 320;
const HEIGHT = 110;
const GRID = 32;
const SIDE = 192;
const AXIS = 16;

interface Props {
  columns: Columns;
  threshold: number;
  correlated: boolean;
}

/** How near the nearest are, and whether what writes alike fires alike. */
export function ComparisonFigures({ columns, threshold, correlated }: Props) {
  return (
    <div class="comparison-figures">
      <Cosines values={columns.cosine} threshold={threshold} />
      {correlated && <Scatter {...columns} threshold={threshold} />}
    </div>
  );
}

function Cosines({ values, threshold }: { values: Float32Array; threshold: number }) {
  const counts = spread(values, BINS);
  const tallest = Math.max(...counts);
  return (
    <figure>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + AXIS}`} role="img" aria-label="histogram of the largest cosines, 0 to 1">
        {counts.map((n, bin) => (
          <rect key={bin} class="bar" x={(bin * WIDTH) / BINS + 0.5} width={WIDTH / BINS - 1} y={HEIGHT * (1 - n / tallest)} height={(HEIGHT * n) / tallest}>
            <title>{`${number(bin / BINS)} to ${number((bin + 1) / BINS)}: ${count(n)} latents`}</title>
          </rect>
        ))}
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        <line class="threshold" x1={threshold * WIDTH} x2={threshold * WIDTH} y1={0} y2={HEIGHT} />
        <Ticks length={WIDTH} y={HEIGHT + 13} threshold={threshold} />
      </svg>
      <figcaption class="quiet">Latents by the largest cosine; from the line on, a latent leans on its nearest. The tallest bar is {count(tallest)}.</figcaption>
    </figure>
  );
}

function Scatter({ cosine, correlation, threshold }: Columns & { threshold: number }) {
  const counts = scattered(cosine, correlation, GRID);
  const most = Math.log1p(Math.max(...counts.flat()));
  const cell = SIDE / GRID;
  return (
    <figure class="scatter">
      <svg viewBox={`0 0 ${SIDE} ${SIDE + AXIS}`} role="img" aria-label="correlation of activations by cosine, both 0 to 1">
        {counts.flatMap((row, y) =>
          row.map((n, x) =>
            n === 0 ? null : (
              <rect key={`${x} ${y}`} class="dot" x={x * cell} y={SIDE - (y + 1) * cell} width={cell} height={cell} opacity={0.25 + (0.75 * Math.log1p(n)) / most}>
                <title>{`cosine ${number(x / GRID)} to ${number((x + 1) / GRID)}, correlation ${number(y / GRID)} to ${number((y + 1) / GRID)}: ${count(n)} latents`}</title>
              </rect>
            ),
          ),
        )}
        <path class="axis" d={`M0 0V${SIDE}H${SIDE}`} fill="none" />
        <line class="threshold" x1={threshold * SIDE} x2={threshold * SIDE} y1={0} y2={SIDE} />
        <Ticks length={SIDE} y={SIDE + 13} threshold={threshold} />
        <text class="tick" x={3} y={12}>
          1
        </text>
      </svg>
      <figcaption class="quiet">Across: the cosine. Up: the correlation with that latent, 0 to 1; below 0 counts as 0.</figcaption>
    </figure>
  );
}

function Ticks({ length, y, threshold }: { length: number; y: number; threshold: number }) {
  const ticks = [
    [0, "start"],
    [threshold, "middle"],
    [1, "end"],
  ] as const;
  return (
    <>
      {ticks.map(([value, anchor]) => (
        <text key={value} class="tick" x={value * length} y={y} text-anchor={anchor}>
          {number(value)}
        </text>
      ))}
    </>
  );
}
