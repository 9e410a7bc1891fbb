import { count, number } from "../draw/format.ts";
import type { Latent } from "../store/atlas.ts";
import { BINS_PER_OCTAVE, FIRST_OCTAVE } from "../store/schema.gen.ts";

const HEIGHT = 96;
const WIDTH = 320;

/** Lower edge of a bin: quarter octaves, linear inside each. */
function edge(bin: number): number {
  const octave = FIRST_OCTAVE + Math.floor(bin / BINS_PER_OCTAVE);
  return 2 ** octave * (1 + (bin % BINS_PER_OCTAVE) / BINS_PER_OCTAVE);
}

/** Firings by activation: both axes logarithmic, one bar a quarter octave; bands are the shaded runs. */
export function Histogram({ latent }: { latent: Latent }) {
  const counts = [...latent.ints.hist];
  const first = Math.max(0, counts.findIndex((n) => n > 0) - 1);
  const last = Math.min(counts.length, counts.findLastIndex((n) => n > 0) + 2);
  if (last <= first) return <p class="quiet">It never fires: there is no distribution to draw.</p>;
  const shown = counts.slice(first, last);
  const tallest = Math.log1p(Math.max(...shown));
  const bar = WIDTH / shown.length;
  const x = (value: number) => {
    const octave = Math.floor(Math.log2(value));
    return ((octave - FIRST_OCTAVE + value / 2 ** octave - 1) * BINS_PER_OCTAVE - first) * bar;
  };
  const lows = [...latent.floats.band_low].filter((low) => low > 0).map(x).filter((at) => at > 0 && at < WIDTH);
  const ticks = shown.map((_, i) => first + i).filter((bin) => bin % (BINS_PER_OCTAVE * 2) === 0);
  const outside = (latent.ints.hist_underflow[0] ?? 0) + (latent.ints.hist_overflow[0] ?? 0);
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`} role="img" aria-label={`Histogram of ${count(latent.ints.firings[0] ?? 0)} firings by activation`}>
        {shown.map((n, i) => {
          const height = tallest > 0 ? (Math.log1p(n) / tallest) * HEIGHT : 0;
          return (
            <rect key={i} class="bar" x={i * bar + 0.5} y={HEIGHT - height} width={Math.max(0.5, bar - 1)} height={height}>
              <title>{`${number(edge(first + i))} to ${number(edge(first + i + 1))}: ${count(n)} firings`}</title>
            </rect>
          );
        })}
        {lows.map((at) => (
          <line key={at} class="band-edge" x1={at} x2={at} y1={0} y2={HEIGHT} />
        ))}
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {ticks.map((bin) => (
          <text key={bin} class="tick" x={(bin - first) * bar} y={HEIGHT + 13} text-anchor="middle">
            {number(edge(bin))}
          </text>
        ))}
      </svg>
      <figcaption class="quiet">
        activation, log scale; bar height log(1 + firings); dashed lines part the bands
        {outside > 0 && `; ${count(outside)} firings lie outside the bins`}
      </figcaption>
    </figure>
  );
}
