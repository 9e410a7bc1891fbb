import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, number, percent } from "../draw/format.ts";
import { alone } from "../draw/glyphs.ts";
import type { Columns } from "../state/columns.ts";
import { type Changes, latentHref } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Layout } from "../store/dictionary.ts";
import { BY_DEFAULT, colouringOf } from "./colouring.ts";
import { type Gestures, listen } from "./gestures.ts";
import { type Place, readLasso, simplified, writeLasso } from "./lasso.ts";
import { nameRegions } from "./names.ts";
import { PointCard } from "./point-card.tsx";
import { Scene } from "./scene.ts";
import { shades } from "./shades.ts";
import { Tools } from "./tools.tsx";
import { panned, readView, type Size, type View, writeView, zoomed } from "./view.ts";

export interface MapProps {
  layout: Layout;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  /** Of each latent; empty until they have come. */
  labels: readonly string[];
  columns: Columns;
  /** The latents of the list: all others are drawn faint. */
  rows: Uint32Array;
  query: URLSearchParams;
  change: (changes: Changes, how?: "push" | "replace") => void;
  root: string;
}

/** Milliseconds that a view rests before the URL tells it. */
const REST = 300;
const STEP = 60;
const ZOOM = 1.6;
const LONGEST_NAME = 28;

/** The latents of a dictionary as points of a plane. */
export function LatentMap({ layout, dictionary, vocabulary, labels, columns, rows, query, change, root }: MapProps) {
  const ground = useRef<HTMLDivElement>(null);
  const points = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const scene = useRef<Scene | null>(null);
  const told = useRef(query.get("look"));
  const rest = useRef(0);
  const walk = useRef<number[] | null>(null);
  const [plain, setPlain] = useState(false);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [current, setCurrent] = useState<number | null>(null);
  const [drawing, setDrawing] = useState(false);

  const look = query.get("look");
  const lasso = query.get("lasso");
  const colouring = colouringOf(query);
  const values = columns[colouring.id];
  const { density, top_token } = columns;
  const listed = useMemo(() => {
    const marks = new Uint8Array(dictionary.record.n_latents);
    for (const index of rows) marks[index] = 1;
    return marks;
  }, [rows]);
  const shown = useMemo(() => shades(values, density, listed, colouring.log), [values, density, listed, colouring]);
  const tokens = useMemo(() => new Map<number, string>(), [vocabulary]);
  const tokenOf = (index: number) => {
    const type = top_token?.[index] ?? 0;
    const known = tokens.get(type) ?? alone(vocabulary, type).replace(/^␣(?=.)/u, "");
    tokens.set(type, known);
    return known;
  };
  const dead = (index: number) => density?.[index] === 0;
  const regions = useMemo(
    () => (top_token && density ? nameRegions({ ...layout, labels, token: tokenOf, living: (index) => !dead(index) }) : []),
    [layout, labels, top_token, density],
  );

  const go = (view: View) => {
    scene.current?.go(view);
    walk.current = null;
    setCurrent(null);
    clearTimeout(rest.current);
    rest.current = window.setTimeout(() => {
      if (scene.current === null) return;
      told.current = writeView(scene.current.view, scene.current.home);
      change({ look: told.current }, "replace");
    }, REST);
  };
  const zoom = (factor: number, left?: number, top?: number) => {
    if (scene.current) go(zoomed(scene.current.view, scene.current.home, scene.current.size, factor, left, top));
  };
  const pan = (dx: number, dy: number) => scene.current && go(panned(scene.current.view, dx, dy));
  const reset = () => scene.current && go(scene.current.home);
  const select = (polygon: readonly Place[]) => change({ lasso: writeLasso(simplified(polygon)) });
  const open = (index: number, apart: boolean) => {
    const href = latentHref(root, `${dictionary.record.id}/${index}`);
    if (apart) window.open(href, "_blank", "noopener");
    else location.href = href;
  };
  const restoreLasso = () => {
    if (scene.current === null) return;
    scene.current.lasso = readLasso(lasso) ?? [];
    scene.current.ask();
  };

  const gestures: Gestures = {
    draws: (event) => drawing || event.shiftKey,
    onPan: pan,
    onZoom: zoom,
    onHover: (left, top) => setCurrent(scene.current?.hit(left, top) ?? null),
    onLeave: () => setCurrent(null),
    onTap(left, top, event) {
      const index = scene.current?.hit(left, top) ?? null;
      if (index === null || (event.pointerType !== "mouse" && index !== current)) setCurrent(index);
      else open(index, event.ctrlKey || event.metaKey);
    },
    onDraw(left, top, first) {
      if (scene.current === null) return;
      const corner = scene.current.cornerAt(left, top);
      scene.current.lasso = first ? [corner] : [...scene.current.lasso, corner];
      scene.current.ask();
      setCurrent(null);
    },
    onDrawn(whole) {
      const polygon = scene.current?.lasso ?? [];
      setDrawing(false);
      if (whole && polygon.length > 2) select(polygon);
      else restoreLasso();
    },
  };
  const latest = useRef(gestures);
  latest.current = gestures;

  useEffect(() => {
    const [element, canvas] = [ground.current, points.current];
    if (element === null || canvas === null || over.current === null) return;
    const made = new Scene(canvas, over.current, layout, plain, told.current);
    scene.current = made;
    const lost = () => setPlain(true);
    if (!made.works) lost(); // a canvas that has begun with WebGL can do nothing else
    const follow: Gestures = {
      draws: (event) => latest.current.draws(event),
      onPan: (...to) => latest.current.onPan(...to),
      onZoom: (...to) => latest.current.onZoom(...to),
      onHover: (...to) => latest.current.onHover(...to),
      onLeave: () => latest.current.onLeave(),
      onTap: (...to) => latest.current.onTap(...to),
      onDraw: (...to) => latest.current.onDraw(...to),
      onDrawn: (whole) => latest.current.onDrawn(whole),
    };
    const forget = listen(element, follow);
    const watch = new ResizeObserver(() => {
      made.resize({ width: element.clientWidth, height: element.clientHeight });
      setSize(made.size);
    });
    watch.observe(element);
    canvas.addEventListener("webglcontextlost", lost);
    return () => {
      forget();
      watch.disconnect();
      canvas.removeEventListener("webglcontextlost", lost);
      clearTimeout(rest.current);
      made.stop();
    };
  }, [layout, plain]);

  useEffect(() => {
    walk.current = null;
    const colour = () => scene.current?.colour(shown.of);
    colour();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", colour);
    return () => scheme.removeEventListener("change", colour);
  }, [shown, plain]);

  useEffect(() => {
    if (scene.current === null) return;
    scene.current.regions = regions;
    scene.current.nameOf = (index) => shortened(labels[index] || (top_token ? tokenOf(index) : ""));
    scene.current.ask();
  }, [regions, plain]);

  useEffect(restoreLasso, [lasso, plain]);

  useEffect(() => {
    if (scene.current === null || look === told.current) return;
    told.current = look;
    scene.current.go(readView(look, scene.current.home));
  }, [look]);

  useEffect(() => {
    if (scene.current === null) return;
    scene.current.ring = current;
    scene.current.ask();
  }, [current, plain]);

  /** The listed latents in sight one after another, from the middle outwards. */
  const next = (step: number) => {
    walk.current ??= scene.current?.inSight() ?? [];
    const n = walk.current.length;
    const at = current === null ? -1 : walk.current.indexOf(current);
    setCurrent(n === 0 ? null : (walk.current[at === -1 ? 0 : (at + step + n) % n] ?? null));
  };
  const keys: Record<string, () => void> = {
    ArrowLeft: () => pan(STEP, 0),
    ArrowRight: () => pan(-STEP, 0),
    ArrowUp: () => pan(0, STEP),
    ArrowDown: () => pan(0, -STEP),
    "+": () => zoom(ZOOM),
    "=": () => zoom(ZOOM),
    "-": () => zoom(1 / ZOOM),
    "0": reset,
    n: () => next(1),
    p: () => next(-1),
    l: () => setDrawing(!drawing),
    s: () => scene.current && select(scene.current.corners()),
    Enter: () => current !== null && open(current, false),
    Escape: () => (drawing ? setDrawing(false) : setCurrent(null)),
  };
  const press = (event: KeyboardEvent) => {
    const action = keys[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };

  const value = current === null ? undefined : values?.[current];
  const said = (index: number) =>
    `${dictionary.record.id}/${index}, ${labels[index] || tokenOf(index)}, ${dead(index) ? "dead" : `${colouring.name} ${(colouring.share ? percent : number)(value ?? 0)}`}`;
  return (
    <div class="map" data-drawn={size.width > 0 && values ? rows.length : undefined}>
      <Tools
        colouring={colouring}
        shades={values ? shown : null}
        drawing={drawing}
        onColour={(id) => change({ colour: id === BY_DEFAULT.id ? null : id }, "replace")}
        onZoom={zoom}
        onReset={reset}
        onLasso={() => setDrawing(!drawing)}
        onSelectSight={() => scene.current && select(scene.current.corners())}
      />
      <div class="map-place">
        <div
          ref={ground}
          class={`map-ground${drawing ? " drawing" : current === null ? "" : " pointing"}`}
          tabIndex={0}
          role="application"
          aria-label={`map of ${count(layout.region.length)} latents of ${dictionary.record.id}; ${count(rows.length)} are in the list`}
          aria-describedby="map-about"
          onKeyDown={press}
        >
          <canvas key={String(plain)} ref={points} aria-hidden="true" />
          <canvas ref={over} aria-hidden="true" />
        </div>
        {current !== null && scene.current && (
          <PointCard
            index={current}
            label={labels[current] ?? ""}
            type={top_token?.[current]}
            dead={dead(current)}
            at={scene.current.pixelOf(current)}
            {...{ value, colouring, dictionary, vocabulary, root, size }}
          />
        )}
      </div>
      <p class="unseen" aria-live="polite">
        {current !== null && said(current)}
      </p>
      <p id="map-about" class="quiet">
        Near means: writes in a like direction. How far apart groups lie, and the axes, mean little. Faint are the latents that the list leaves out, and dead
        ones among them: they have a direction, and hence a place. The list shows the same latents.
      </p>
      <details class="quiet">
        <summary>keys of the map</summary>
        Drag or arrow keys move, the wheel or + and − zoom, 0 shows all; n and p walk from latent to latent, Enter opens; Shift and drag, or l, draws a lasso, s
        selects what is in sight, Escape lets go.
      </details>
    </div>
  );
}

function shortened(text: string): string {
  return text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME - 1)}…` : text;
}
