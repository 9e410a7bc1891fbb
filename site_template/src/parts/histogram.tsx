import { binOf, edge } from "../draw/bins.ts";
import { count, number } from "../draw/format.ts";
import { useQuery } from "../state/url.ts";
import type { Tab } from "../state/tabs.ts";
import type { Latent } from "../store/dictionary.ts";
import { BINS_PER_OCTAVE } from "../store/schema.gen.ts";
import { Choice } from "./choice.tsx";

const WIDTH = 320;
const HEIGHT = 96;
const MOST_TICKS = 5;
const FEWEST_BARS = 4 * BINS_PER_OCTAVE;

interface Props {
  latent: Latent;
  tabs: readonly Tab[];
  current: Tab;
  onShow: (id: string) => void;
}

const HEIGHTS = [
  ["log", "log"],
  ["linear", "linear"],
] as const;

/** Firings by activation, on a logarithmic axis; the bands lie behind the bars and open their examples. */
export function Histogram({ latent, tabs, current, onShow }: Props) {
  const [query, change] = useQuery();
  const heights = query.get("counts") === "linear" ? "linear" : "log";
  const counts = [...latent.ints.hist];
  const highest = counts.findLastIndex((n) => n > 0) + 2;
  const lowest = Math.min(counts.findIndex((n) => n > 0) - 1, highest - FEWEST_BARS);
  const first = Math.max(0, lowest);
  const shown = counts.slice(first, highest);
  if (highest < 2) return <p class="quiet">It never fires: there is no distribution to draw.</p>;
  const measure = heights === "log" ? Math.log1p : (n: number) => n;
  const tallest = measure(Math.max(...shown));
  const height = (n: number) => (HEIGHT * measure(n)) / tallest;
  const bar = WIDTH / shown.length;
  const x = (activation: number) => (activation > 0 ? Math.min(WIDTH, Math.max(0, (binOf(activation) - first) * bar)) : 0);
  const every = BINS_PER_OCTAVE * Math.ceil(shown.length / BINS_PER_OCTAVE / MOST_TICKS);
  const ticks = shown.map((_, i) => first + i).filter((bin) => bin % every === 0);
  const outside = (latent.ints.hist_underflow[0] ?? 0) + (latent.ints.hist_overflow[0] ?? 0);
  return (
    <figure class="histogram">
      <Choice name="counts" options={HEIGHTS} value={heights} onChange={(id) => change({ counts: id === "log" ? null : id }, "replace")} />
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`} role="img" aria-label={`histogram of ${count(latent.ints.firings[0] ?? 0)} firings by activation`}>
        {tabs.map(({ id, range, name, share }) =>
          range === null ? null : (
            <rect key={id} class="band" x={x(range[0]) + 0.5} y={0} width={Math.max(0, x(range[1]) - x(range[0]) - 1)} height={HEIGHT} onClick={() => onShow(id)}>
              <title>{`band ${name}: ${share} of all firings; click for its examples`}</title>
            </rect>
          ),
        )}
        {shown.map((n, i) => (
          <rect key={i} class={isIn(current, first + i) ? "bar is-shown" : "bar"} x={i * bar + 0.5} y={HEIGHT - height(n)} width={bar - 1} height={height(n)}>
            <title>{`${number(edge(first + i))} to ${number(edge(first + i + 1))}: ${count(n)} firings`}</title>
          </rect>
        ))}
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {ticks.map((bin) => (
          <text key={bin} class="tick" x={(bin - first) * bar} y={HEIGHT + 13} text-anchor={bin === first ? "start" : "middle"}>
            {number(edge(bin))}
          </text>
        ))}
      </svg>
      <figcaption class="quiet">
        Firings by activation (logarithmic); the tallest bar is {count(Math.max(...shown))} firings. Behind the bars: the bands.
        {outside > 0 && ` ${count(outside)} firings lie outside the bins.`}
      </figcaption>
    </figure>
  );
}

/** Whether a bin belongs to the band that is shown. */
function isIn({ range }: Tab, bin: number): boolean {
  return range !== null && edge(bin) >= range[0] && edge(bin) < range[1];
}
