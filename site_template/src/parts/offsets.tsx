import { count, number } from "../draw/format.ts";
import type { Head } from "../store/heads.ts";

const WIDTH = 320;
const HEIGHT = 96;
const TOLD = 3;

/** Mean attention by distance; near ones, where most of it is, are drawn wider. */
export function Offsets({ head }: { head: Head }) {
  const means = Array.from(head.floats.offset_attention);
  const tallest = Math.max(...means);
  if (tallest <= 0) return <p class="quiet">All of its attention is on the first position.</p>;
  const x = (distance: number) => (WIDTH * Math.log2(distance + 1)) / Math.log2(means.length + 1);
  const ticks = Array.from({ length: Math.floor(Math.log2(means.length)) + 1 }, (_, i) => 2 ** i).filter((d) => d < means.length);
  const most = means.map((mean, distance) => ({ mean, distance })).sort((a, b) => b.mean - a.mean);
  const told = most.slice(0, TOLD).map(({ mean, distance }) => `${number(mean)} at ${distance}`);
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`} role="img" aria-label={`mean attention at distances 0 to ${count(means.length - 1)}; largest: ${told.join(", ")}`}>
        {means.map((mean, distance) => (
          <rect key={distance} class="bar" x={x(distance)} y={HEIGHT * (1 - mean / tallest)} width={Math.max(0.5, x(distance + 1) - x(distance) - 0.5)} height={(HEIGHT * mean) / tallest}>
            <title>{`distance ${distance}: ${number(mean)}`}</title>
          </rect>
        ))}
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {[0, ...ticks].map((distance) => (
          <text key={distance} class="tick" x={(x(distance) + x(distance + 1)) / 2} y={HEIGHT + 13} text-anchor="middle">
            {distance}
          </text>
        ))}
      </svg>
      <figcaption class="quiet">Mean attention by how many tokens back the key is (0 is the query itself), the first position left out. Largest: {told.join(", ")}.</figcaption>
    </figure>
  );
}
