import { count, number } from "../draw/format.ts";
import type { Latent } from "../store/dictionary.ts";

const WIDTH = 320;
const HEIGHT = 64;

/** Token types by logit effect, in equal bins from the lowest effect to the highest; bars logarithmic. */
export function EffectHistogram({ latent }: { latent: Latent }) {
  // An atlas made before effects were counted has no such field.
  const counts = [...((latent.ints.effect_hist as Uint32Array | undefined) ?? [])];
  const low = latent.floats.suppressed_value[0] ?? 0;
  const high = latent.floats.promoted_value[0] ?? 0;
  const tallest = Math.log1p(Math.max(...counts));
  if (!(tallest > 0)) return null;
  const bar = WIDTH / counts.length;
  const edge = (bin: number) => number(low + (bin * (high - low)) / counts.length);
  const zero = (-low * WIDTH) / (high - low);
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`} role="img" aria-label={`histogram of ${count(counts.reduce((a, b) => a + b))} token types by logit effect`}>
        {counts.map((n, bin) => {
          const height = (HEIGHT * Math.log1p(n)) / tallest;
          return (
            <rect key={bin} class="bar" x={bin * bar + 0.5} y={HEIGHT - height} width={bar - 1} height={height}>
              <title>{`${edge(bin)} to ${edge(bin + 1)}: ${count(n)} token types`}</title>
            </rect>
          );
        })}
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        <text class="tick" x={0} y={HEIGHT + 13}>
          {number(low)}
        </text>
        <text class="tick" x={zero} y={HEIGHT + 13} text-anchor="middle">
          0
        </text>
        <text class="tick" x={WIDTH} y={HEIGHT + 13} text-anchor="end">
          {number(high)}
        </text>
      </svg>
      <figcaption class="quiet">Token types by what is added to their logit; bars logarithmic.</figcaption>
    </figure>
  );
}
