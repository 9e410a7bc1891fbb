import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { cellOf, drawDetail, GUTTER, heightOf, type Heat } from "../draw/pattern.ts";
import { alone } from "../draw/glyphs.ts";
import { inside, type Place, type Region, type Side, stepped } from "../state/pattern.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { WindowTokens } from "../store/heads.ts";

interface Props {
  types: WindowTokens;
  vocabulary: Vocabulary;
  heat: Heat;
  at: Place;
  side: Side;
  region: Region;
  onPoint: (place: Place | null) => void;
  onChoose: (place: Place) => void;
}

/** A part of the pattern, large, with its tokens on two sides. Arrow keys move about in the whole of it. */
export function PatternDetail({ types, vocabulary, heat, at, side, region, onPoint, onChoose }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const n = types.length;
  useLayoutEffect(() => {
    const box = canvas.current?.parentElement;
    if (!box) return;
    const watch = new ResizeObserver(() => setWidth(box.clientWidth));
    watch.observe(box);
    setWidth(box.clientWidth);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const textOf = (index: number) => alone(vocabulary, types[index] ?? 0);
    const redraw = () => canvas.current && width > 0 && drawDetail(canvas.current, width, heat, { region, n, at, side, textOf });
    redraw();
    scheme.addEventListener("change", redraw);
    return () => scheme.removeEventListener("change", redraw);
  }, [types, heat, side, width, region.query, region.key, region.size, at.query, at.key]);
  const placeOf = (event: PointerEvent | MouseEvent): Place | null => {
    const box = canvas.current?.getBoundingClientRect();
    if (box === undefined) return null;
    const cell = cellOf(width, region.size);
    const along = (offset: number) => Math.min(region.size - 1, Math.max(0, Math.floor(offset / cell)));
    return inside({ query: region.query + along(event.clientY - box.top - GUTTER.top), key: region.key + along(event.clientX - box.left - GUTTER.left) }, n);
  };
  const move = (event: KeyboardEvent) => {
    const next = stepped(at, event.key, n);
    if (next === null) return;
    event.preventDefault();
    onChoose(next);
  };
  return (
    <div
      class="pattern-detail"
      tabIndex={0}
      role="group"
      aria-label={`pattern of ${n} tokens, queries downward, keys to the right; at query ${at.query}, key ${at.key}; arrow keys move`}
      data-query={region.query}
      data-key={region.key}
      data-size={region.size}
      onKeyDown={move}
      onPointerMove={(event) => onPoint(placeOf(event))}
      onPointerLeave={() => onPoint(null)}
      onClick={(event) => {
        const place = placeOf(event);
        if (place) onChoose(place);
      }}
    >
      <canvas ref={canvas} style={{ width: `${width}px`, height: `${heightOf(width)}px` }} aria-hidden="true" />
    </div>
  );
}
