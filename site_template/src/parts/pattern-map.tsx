import { useEffect, useRef } from "preact/hooks";
import type { Pair, Side, Weight } from "../state/pattern.ts";

interface Place {
  query: number;
  key: number;
}

interface Props {
  /** Tokens of the window. */
  n: number;
  pairs: readonly Pair[];
  weight: Weight;
  full: number;
  at: Place;
  side: Side;
  onPoint: (place: Place | null) => void;
  onChoose: (place: Place) => void;
}

const STEPS: Record<string, [query: number, key: number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

const MOST_PIXELS = 300;

/** The pattern as a map: a row for each query, a column for each key. Arrow keys move about in it. */
export function PatternMap({ n, pairs, weight, full, at, side, onPoint, onChoose }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pixels = Math.ceil(n / tokensPerPixel(n));
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => canvas.current && draw(canvas.current, n, pairs, weight, full);
    redraw();
    scheme.addEventListener("change", redraw);
    return () => scheme.removeEventListener("change", redraw);
  }, [n, pairs, weight, full]);
  const placeOf = (event: PointerEvent | MouseEvent): Place => {
    const box = canvas.current?.getBoundingClientRect() ?? new DOMRect(0, 0, 1, 1);
    const query = clamp(Math.floor(((event.clientY - box.top) / box.height) * n), n - 1);
    return { query, key: clamp(Math.floor(((event.clientX - box.left) / box.width) * n), query) };
  };
  const move = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const query = clamp(at.query + step[0], n - 1);
    onChoose({ query, key: clamp(at.key + step[1], query) });
  };
  return (
    <div
      class="pattern"
      tabIndex={0}
      role="group"
      aria-label={`pattern of ${n} tokens, queries downward, keys to the right; at query ${at.query}, key ${at.key}; arrow keys move`}
      style={{ "--n": String(n), "--query": String(at.query), "--key": String(at.key) }}
      onKeyDown={move}
      onPointerMove={(event) => onPoint(placeOf(event))}
      onPointerLeave={() => onPoint(null)}
      onClick={(event) => onChoose(placeOf(event))}
    >
      <canvas ref={canvas} width={pixels} height={pixels} aria-hidden="true" />
      <span class={side === "query" ? "line of-query" : "line of-key"} />
      <span class="place" />
      <span class="axes quiet" aria-hidden="true">
        key →<br />
        query ↓
      </span>
    </div>
  );
}

/** Of long windows several: a pixel smaller than the screen's would vanish. */
function tokensPerPixel(n: number): number {
  return Math.ceil(n / MOST_PIXELS);
}

function clamp(value: number, last: number): number {
  return Math.max(0, Math.min(last, value));
}

/** The heat's hue, as opaque as a pair is strong; of the pairs that share a pixel the strongest. */
function draw(canvas: HTMLCanvasElement, n: number, pairs: readonly Pair[], weight: Weight, full: number): void {
  const each = tokensPerPixel(n);
  const side = canvas.width;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const [red = 0, green = 0, blue = 0] = (getComputedStyle(canvas).color.match(/[\d.]+/g) ?? []).map(Number);
  const image = context.createImageData(side, side);
  for (const pair of pairs) {
    const heat = full > 0 ? Math.min(1, pair[weight] / full) : 0;
    const at = (Math.floor(pair.query / each) * side + Math.floor(pair.key / each)) * 4;
    image.data.set([red, green, blue, Math.max(image.data[at + 3] ?? 0, Math.round(255 * heat))], at);
  }
  context.putImageData(image, 0, 0);
}
