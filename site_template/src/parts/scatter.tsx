import { number } from "../draw/format.ts";
import type { Axis, HeadPoint } from "../state/finder.ts";

const SIZE = { width: 640, height: 420, left: 56, right: 16, top: 26, bottom: 44 };
/** Pixels of the drawing within which a point is pointed at, and within which its neighbours tell their layers. */
const REACH = 28;
const NEAR = 44;
const MOST_NEAR = 8;

export interface Spot {
  /** Index of the head. */
  index: number;
  head: HeadPoint;
  x: number;
  y: number;
}

/** Where each head lies in the drawing. */
export function spotsOf(heads: readonly HeadPoint[], shown: readonly number[], x: [number, Axis], y: [number, Axis]): Spot[] {
  const [width, height] = [SIZE.width - SIZE.left - SIZE.right, SIZE.height - SIZE.top - SIZE.bottom];
  return shown.flatMap((index) => {
    const head = heads[index];
    if (head === undefined) return [];
    const across = x[1].at(head.values[x[0]] ?? 0);
    const up = y[1].at(head.values[y[0]] ?? 0);
    return [{ index, head, x: SIZE.left + across * width, y: SIZE.top + (1 - up) * height }];
  });
}

interface Props {
  spots: readonly Spot[];
  at: Spot | undefined;
  axes: { x: Axis; y: Axis };
  names: { x: string; y: string };
  label: string;
  /** Share of the ramp by layer. */
  shade: (layer: number) => number;
  onPoint: (index: number | null) => void;
  onOpen: (spot: Spot) => void;
  onWalk: (key: string) => boolean;
}

/** Every head as a point; the nearest one is pointed at. Arrow keys walk from point to point. */
export function Scatter({ spots, at, axes, names, label, shade, onPoint, onOpen, onWalk }: Props) {
  const nearest = (event: MouseEvent): Spot | null => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const scale = SIZE.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const [best] = sortedFrom(spots, x, y);
    return best && Math.hypot(best.x - x, best.y - y) <= REACH * Math.max(1, scale) ? best : null;
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter" && at) onOpen(at);
    else if (!onWalk(event.key)) return;
    event.preventDefault();
  };
  // A finger points before it opens: what it taps first is only told of.
  const open = (event: MouseEvent) => {
    const spot = nearest(event);
    if (spot && spot.index === at?.index) onOpen(spot);
    else if (spot) onPoint(spot.index);
  };
  const near = at ? sortedFrom(spots, at.x, at.y).filter((spot) => Math.hypot(spot.x - at.x, spot.y - at.y) < NEAR).slice(0, MOST_NEAR) : [];
  return (
    <div
      class="scatter"
      tabIndex={0}
      role="group"
      aria-label={label}
      onPointerMove={(event) => onPoint(nearest(event)?.index ?? null)}
      onClick={open}
      onKeyDown={press}
    >
      <svg viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} aria-hidden="true">
        <Ticks axes={axes} />
        <text class="tick name" x={SIZE.width - SIZE.right} y={SIZE.height - 4} text-anchor="end">
          {names.x} →
        </text>
        <text class="tick name" x={4} y={12}>
          ↑ {names.y}
        </text>
        {spots.map((spot) => (
          <circle key={spot.index} class="point" cx={spot.x} cy={spot.y} r={4.5} style={{ "--t": shade(spot.head.layer).toFixed(3) }} />
        ))}
        {near.map((spot) => (
          <text key={spot.index} class="tick layer" x={spot.x + 7} y={spot.y - 6}>
            {spot.head.layer}
          </text>
        ))}
        {at && <circle class="pointed" cx={at.x} cy={at.y} r={8} />}
      </svg>
    </div>
  );
}

function sortedFrom(spots: readonly Spot[], x: number, y: number): Spot[] {
  return [...spots].sort((a, b) => Math.hypot(a.x - x, a.y - y) - Math.hypot(b.x - x, b.y - y));
}

function Ticks({ axes }: { axes: { x: Axis; y: Axis } }) {
  const right = SIZE.width - SIZE.right;
  const foot = SIZE.height - SIZE.bottom;
  return (
    <>
      {axes.x.ticks.map((tick) => {
        const x = SIZE.left + axes.x.at(tick) * (right - SIZE.left);
        return (
          <g key={`x${tick}`}>
            <line class="axis" x1={x} x2={x} y1={SIZE.top} y2={foot} />
            <text class="tick" x={x} y={foot + 13} text-anchor="middle">
              {number(Number(tick.toPrecision(6)))}
            </text>
          </g>
        );
      })}
      {axes.y.ticks.map((tick) => {
        const y = SIZE.top + (1 - axes.y.at(tick)) * (foot - SIZE.top);
        return (
          <g key={`y${tick}`}>
            <line class="axis" x1={SIZE.left} x2={right} y1={y} y2={y} />
            <text class="tick" x={SIZE.left - 5} y={y + 3} text-anchor="end">
              {number(Number(tick.toPrecision(6)))}
            </text>
          </g>
        );
      })}
    </>
  );
}
