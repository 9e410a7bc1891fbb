import { useRef } from "preact/hooks";
import { EVERYTHING, formatRange, type Range } from "../state/ranges.ts";
import { type Axis, BARS, placesOf, rangeBetween } from "../state/spread.ts";

/** A press this near to an edge takes hold of it, in pixels. */
const GRASP = 8;
/** Bars that an arrow key moves an edge by, and Page Up and Down. */
const STEP = 1;
const STRIDE = 5;

interface Props {
  /** What is bounded. */
  name: string;
  axis: Axis;
  range: Range;
  show: (value: number) => string;
  /** `settled` is false while the pointer still moves. */
  onRange: (range: Range, settled: boolean) => void;
}

/** What the pointer holds: one edge, the other staying where it is, or the whole range. */
type Hold = { fixed: number; pressed: number } | { from: number; places: [number, number] };

/** A range on an axis: drag to choose, drag an edge or the middle to change, double click to clear. */
export function Brush({ name, axis, range, show, onRange }: Props) {
  const hold = useRef<Hold | null>(null);
  const latest = useRef<Range | null>(null);
  const [low, high] = placesOf(axis, range);
  const bounded = formatRange(range) !== null;
  const placeOf = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    return { at: Math.min(1, Math.max(0, (event.clientX - left) / width)), grasp: GRASP / width };
  };
  const press = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    if (event.button !== 0) return;
    const { at, grasp } = placeOf(event);
    event.currentTarget.setPointerCapture(event.pointerId);
    latest.current = null;
    if (bounded && Math.abs(at - low) < grasp) hold.current = { fixed: high, pressed: at };
    else if (bounded && Math.abs(at - high) < grasp) hold.current = { fixed: low, pressed: at };
    else if (bounded && at > low && at < high) hold.current = { from: at, places: [low, high] };
    else hold.current = { fixed: at, pressed: at };
  };
  const drag = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    const held = hold.current;
    if (held === null) return;
    const { at } = placeOf(event);
    if ("fixed" in held) {
      if (at === held.pressed) return;
      latest.current = rangeBetween(axis, Math.min(at, held.fixed), Math.max(at, held.fixed));
    } else {
      const [start, end] = held.places;
      const shift = Math.min(1 - end, Math.max(-start, at - held.from));
      latest.current = rangeBetween(axis, start + shift, end + shift);
    }
    onRange(latest.current, false);
  };
  const release = () => {
    if (hold.current !== null && latest.current !== null) onRange(latest.current, true);
    hold.current = null;
  };
  const key = (event: KeyboardEvent, end: "low" | "high") => {
    if (event.key === "Delete" || event.key === "Backspace") onRange(EVERYTHING, true);
    const moved = movedBy(event.key, end, low, high);
    if (moved === null) return;
    event.preventDefault();
    onRange(end === "low" ? rangeBetween(axis, moved, high) : rangeBetween(axis, low, moved), true);
  };
  const handle = (end: "low" | "high", place: number, value: number) => (
    <span
      class="handle"
      role="slider"
      tabIndex={0}
      aria-label={end === "low" ? `lowest ${name}` : `highest ${name}`}
      aria-valuemin={axis.low}
      aria-valuemax={axis.high}
      aria-valuenow={value}
      aria-valuetext={range[end] === null ? `${show(value)}, not bounded` : show(value)}
      style={{ left: `${place * 100}%` }}
      onKeyDown={(event) => key(event, end)}
    />
  );
  return (
    <div
      class={bounded ? "brush is-bounded" : "brush"}
      title="drag to choose a range; double click to clear it"
      onPointerDown={press}
      onPointerMove={drag}
      onPointerUp={release}
      onPointerCancel={release}
      onDblClick={() => onRange(EVERYTHING, true)}
    >
      <span class="out" style={{ left: 0, width: `${low * 100}%` }} />
      <span class="out" style={{ left: `${high * 100}%`, right: 0 }} />
      {handle("low", low, range.low ?? axis.low)}
      {handle("high", high, range.high ?? axis.high)}
    </div>
  );
}

/** Where a key moves an edge to, on the grid of bars and not past the other edge; null for other keys. */
function movedBy(key: string, end: "low" | "high", low: number, high: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: -STEP,
    ArrowDown: -STEP,
    ArrowRight: STEP,
    ArrowUp: STEP,
    PageDown: -STRIDE,
    PageUp: STRIDE,
    Home: Number.NEGATIVE_INFINITY,
    End: Number.POSITIVE_INFINITY,
  };
  const step = steps[key];
  if (step === undefined) return null;
  const goal = (Math.round((end === "low" ? low : high) * BARS) + step) / BARS;
  return end === "low" ? Math.max(0, Math.min(goal, high)) : Math.min(1, Math.max(goal, low));
}
