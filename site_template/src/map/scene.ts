import type { Layout } from "../store/dictionary.ts";
import { Grid } from "./grid.ts";
import type { Place } from "./lasso.ts";
import type { Region } from "./names.ts";
import { drawOver, type Inks, type Name, regionNames } from "./overlay.ts";
import type { Painter } from "./painter.ts";
import { plainPainter } from "./painter-2d.ts";
import { glPainter } from "./painter-gl.ts";
import { drawingOrder, FAINT, palette } from "./shades.ts";
import { fit, readView, type Size, STEPS, toMap, toScreen, type View } from "./view.ts";

/** Latents in sight by their own names if so many at most are; and how far names stand below their points. */
const NAMED = 80;
const BELOW = 10;
const REACH = 12;
const RAMP_STOPS = 5;

/** What is drawn on the two canvases of a map, and where one is in it. A change is drawn with the next frame. */
export class Scene {
  size: Size = { width: 0, height: 0 };
  regions: readonly Region[] = [];
  lasso: readonly Place[] = [];
  ring: number | null = null;
  /** What a latent is called when one is near it. */
  nameOf: (index: number) => string = () => "";
  readonly #grid: Grid;
  readonly #painter: Painter | null;
  #view: View | null = null;
  #home: View = { x: 0, y: 0, scale: 1 };
  #of: Uint8Array = new Uint8Array();
  #inks: Inks = { ground: "", ink: "", accent: "", sans: "", mono: "" };
  #frame = 0;

  /** `plain` draws without WebGL, as is done too where there is none. `look` is the view of the URL. */
  constructor(
    private readonly points: HTMLCanvasElement,
    private readonly over: HTMLCanvasElement,
    private readonly layout: Layout,
    plain: boolean,
    private readonly look: string | null,
  ) {
    this.#grid = new Grid(layout.xy);
    this.#painter = (plain ? null : glPainter(points, layout.xy)) ?? plainPainter(points, layout.xy);
  }

  /** Whether there is anything that draws the points. */
  get works(): boolean {
    return this.#painter !== null;
  }

  get view(): View {
    return this.#view ?? this.#home;
  }

  /** The view that shows all. */
  get home(): View {
    return this.#home;
  }

  get times(): number {
    return this.view.scale / this.#home.scale;
  }

  go(view: View): void {
    this.#view = view;
    this.ask();
  }

  /** Keeps middle and magnification; draws at once, for a canvas of a new size is empty. */
  resize(size: Size): void {
    const times = this.times;
    this.size = size;
    this.#home = fit(this.layout.xy, size);
    this.#view = this.#view === null ? readView(this.look, this.#home) : { ...this.#view, scale: times * this.#home.scale };
    this.#draw();
  }

  /** Shades of the latents; their colours are the canvas' own custom properties. */
  colour(of: Uint8Array): void {
    const style = getComputedStyle(this.points);
    const own = (name: string) => style.getPropertyValue(name);
    const ramp = Array.from({ length: RAMP_STOPS }, (_, stop) => own(`--map-${stop}`));
    const colours = new Uint32Array(palette(own("--map-faint"), own("--map-none"), ramp).buffer);
    const rgba = Uint32Array.from(of, (shade) => colours[shade] ?? 0);
    this.#inks = { ground: own("--ground"), ink: own("--ink"), accent: own("--accent"), sans: own("--sans"), mono: own("--mono") };
    this.#of = of;
    this.#painter?.colour(new Uint8Array(rgba.buffer), drawingOrder(of));
    this.ask();
  }

  ask(): void {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** The latent at a pixel, one of the list before one that is left out. */
  hit(left: number, top: number): number | null {
    const [x, y] = toMap(this.view, this.size, left, top);
    const radius = REACH / this.view.scale;
    const listed = (index: number) => this.#of[index] !== FAINT;
    return this.#grid.nearest(x, y, radius, listed) ?? this.#grid.nearest(x, y, radius, () => true);
  }

  placeOf(index: number): Place {
    return [this.layout.xy[2 * index] ?? 0, this.layout.xy[2 * index + 1] ?? 0];
  }

  pixelOf(index: number): [number, number] {
    return toScreen(this.view, this.size, ...this.placeOf(index));
  }

  /** Corners of what is in sight, within the plane. */
  corners(): Place[] {
    const { width, height } = this.size;
    return [this.cornerAt(0, 0), this.cornerAt(width, 0), this.cornerAt(width, height), this.cornerAt(0, height)];
  }

  /** The place at a pixel, or the nearest of the plane. */
  cornerAt(left: number, top: number): Place {
    const [x, y] = toMap(this.view, this.size, left, top);
    const inPlane = (value: number) => Math.max(0, Math.min(STEPS, Math.round(value)));
    return [inPlane(x), inPlane(y)];
  }

  /** The listed latents in sight, from the middle outwards. */
  inSight(): number[] {
    const away = (index: number) => {
      const [x, y] = this.placeOf(index);
      return (x - this.view.x) ** 2 + (y - this.view.y) ** 2;
    };
    return [...this.#sight()].sort((a, b) => away(a) - away(b));
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
  }

  *#sight(): Generator<number> {
    const [[left, high], , [right, low]] = this.corners() as [Place, Place, Place, Place];
    for (const index of this.#grid.near(left, low, right, high)) {
      const [x, y] = this.placeOf(index);
      if (this.#of[index] !== FAINT && x >= left && x <= right && y >= low && y <= high) yield index;
    }
  }

  #draw(): void {
    this.#frame = 0;
    const { view, size, ring, lasso } = this;
    if (size.width === 0 || this.#of.length === 0) return;
    const radius = this.#radius();
    this.#painter?.paint(view, size, devicePixelRatio, radius);
    const names = [...regionNames(this.regions, this.times), ...this.#pointNames(radius)];
    drawOver(this.over, view, size, devicePixelRatio, this.#inks, { names, lasso, radius, ring: ring === null ? null : this.placeOf(ring) });
  }

  /** Points grow as one comes near, slower than the gaps between them. */
  #radius(): number {
    const alone = Math.max(1.1, Math.min(3, 90 / Math.sqrt(this.#of.length)));
    return Math.min(6, alone * Math.max(0.8, this.times ** 0.4));
  }

  #pointNames(radius: number): Name[] {
    const names: Name[] = [];
    for (const index of this.#sight()) {
      const [x, y] = this.placeOf(index);
      if (names.length === NAMED) return [];
      names.push({ text: this.nameOf(index), x, y, below: radius + BELOW, alpha: 0.85, mono: true });
    }
    return names;
  }
}
