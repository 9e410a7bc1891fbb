import { useEffect, useRef } from "preact/hooks";
import { drawWhole, type Heat, pixelsOf } from "../draw/pattern.ts";
import { inside, type Place, type Region, type Side } from "../state/pattern.ts";

interface Props {
  /** Tokens of the window. */
  n: number;
  heat: Heat;
  at: Place;
  side: Side;
  /** What the large view shows. */
  region: Region;
  onPoint: (place: Place | null) => void;
  onChoose: (place: Place) => void;
}

/** The whole pattern, small: a row for each query, a column for each key. It is a way for the pointer into the
 * large view, where all of it can be done by keys. */
export function PatternMap({ n, heat, at, side, region, onPoint, onChoose }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pixels = pixelsOf(n);
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => canvas.current && drawWhole(canvas.current, n, heat);
    redraw();
    scheme.addEventListener("change", redraw);
    return () => scheme.removeEventListener("change", redraw);
  }, [n, heat]);
  const placeOf = (event: PointerEvent | MouseEvent): Place => {
    const box = canvas.current?.getBoundingClientRect() ?? new DOMRect(0, 0, 1, 1);
    const along = (offset: number, length: number) => Math.floor((offset / length) * n);
    return inside({ query: along(event.clientY - box.top, box.height), key: along(event.clientX - box.left, box.width) }, n);
  };
  return (
    <div
      class="pattern"
      aria-hidden="true"
      style={{ "--n": String(n), "--query": String(at.query), "--key": String(at.key), "--row": String(region.query), "--column": String(region.key), "--size": String(region.size) }}
      onPointerMove={(event) => onPoint(placeOf(event))}
      onPointerLeave={() => onPoint(null)}
      onClick={(event) => onChoose(placeOf(event))}
    >
      <canvas ref={canvas} width={pixels} height={pixels} />
      <span class={side === "query" ? "line of-query" : "line of-key"} />
      <span class="region" />
      <span class="place" />
      <span class="axes quiet">
        key →<br />
        query ↓
      </span>
    </div>
  );
}
