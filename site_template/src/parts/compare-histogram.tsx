import { edge } from "../draw/bins.ts";
import { count, number } from "../draw/format.ts";
import { type Letter, NAMES } from "../state/compare.ts";
import type { Latent } from "../store/dictionary.ts";
import { BINS_PER_OCTAVE } from "../store/schema.gen.ts";

const WIDTH = 400;
const HALF = 60;
const TICKS = 16;
const MOST_TICKS = 6;
const FEWEST_BARS = 4 * BINS_PER_OCTAVE;

/** Firings of both by activation on one axis: A's rise from it, B's hang from it, on one scale. */
export function CompareHistogram({ a, b }: { a: Latent; b: Latent }) {
  const counts: Record<Letter, number[]> = { a: [...a.ints.hist], b: [...b.ints.hist] };
  const filled = [counts.a, counts.b].flatMap((bins) => [bins.findIndex((n) => n > 0), bins.findLastIndex((n) => n > 0)]).filter((bin) => bin >= 0);
  if (filled.length === 0) return <p class="quiet">Neither fires: there is no distribution to draw.</p>;
  const last = Math.max(...filled) + 2;
  const first = Math.max(0, Math.min(Math.min(...filled) - 1, last - FEWEST_BARS));
  const tallest = Math.max(...counts.a, ...counts.b);
  const bar = WIDTH / (last - first);
  const every = BINS_PER_OCTAVE * Math.ceil((last - first) / BINS_PER_OCTAVE / MOST_TICKS);
  const bins = Array.from({ length: last - first }, (_, i) => first + i);
  const height = (n: number) => (HALF * Math.log1p(n)) / Math.log1p(tallest);
  const side = (letter: Letter) =>
    bins.map((bin) => {
      const n = counts[letter][bin] ?? 0;
      return (
        <rect key={`${letter} ${bin}`} class={`bar of-${letter}`} x={(bin - first) * bar + 0.5} y={letter === "a" ? HALF - height(n) : HALF + TICKS} width={bar - 1} height={height(n)}>
          <title>{`${NAMES[letter]}: ${number(edge(bin))} to ${number(edge(bin + 1))}: ${count(n)} firings`}</title>
        </rect>
      );
    });
  const outside = ([name, latent]: readonly [string, Latent]) => {
    const n = (latent.ints.hist_underflow[0] ?? 0) + (latent.ints.hist_overflow[0] ?? 0);
    return n > 0 ? ` ${count(n)} firings of ${name} lie outside the bins.` : "";
  };
  return (
    <figure class="histogram mirrored">
      <svg viewBox={`0 0 ${WIDTH} ${2 * HALF + TICKS}`} role="img" aria-label={`firings by activation: ${count(a.ints.firings[0] ?? 0)} of A above, ${count(b.ints.firings[0] ?? 0)} of B below`}>
        {side("a")}
        {side("b")}
        <line class="axis" x1={0} x2={WIDTH} y1={HALF} y2={HALF} />
        <line class="axis" x1={0} x2={WIDTH} y1={HALF + TICKS} y2={HALF + TICKS} />
        <text class="letter" x={2} y={12}>
          A
        </text>
        <text class="letter" x={2} y={2 * HALF + TICKS - 4}>
          B
        </text>
        {bins
          .filter((bin) => bin % every === 0)
          .map((bin) => (
            <text key={bin} class="tick" x={(bin - first) * bar} y={HALF + 12} text-anchor={bin === first ? "start" : "middle"}>
              {number(edge(bin))}
            </text>
          ))}
      </svg>
      <figcaption class="quiet">
        Firings by activation, both logarithmic, A above and B below the axis, on one scale; the tallest bar is {count(tallest)} firings.
        {([["A", a], ["B", b]] as const).map(outside)}
      </figcaption>
    </figure>
  );
}
