/** What lies over the points: names, rings, the lasso. */
import type { Place } from "./lasso.ts";
import type { Region } from "./names.ts";
import { resized } from "./painter.ts";
import { type Size, toScreen, type View } from "./view.ts";

export interface Inks {
  ground: string;
  ink: string;
  accent: string;
  sans: string;
  mono: string;
}

/** A text at a place; those that come first have precedence. */
export interface Name {
  text: string;
  x: number;
  y: number;
  /** Pixels from the place down to the middle of the text. */
  below: number;
  alpha: number;
  mono: boolean;
}

export interface Over {
  names: readonly Name[];
  lasso: readonly Place[];
  /** A ring around the latent that is pointed at. */
  ring: Place | null;
  radius: number;
}

const LINE = 13;
const PADDING = 4;
const PLATE = 0.82;
/** Names of regions fade as one comes near: at this magnification they are at their faintest. */
const NEAR = 12;
const FAINTEST = 0.35;

export function regionNames(regions: readonly Region[], times: number): Name[] {
  const alpha = Math.max(FAINTEST, 1 - Math.max(0, Math.log(times)) * ((1 - FAINTEST) / Math.log(NEAR)));
  return regions.filter(({ name }) => name !== "").map(({ name, x, y }) => ({ text: name, x, y, below: 0, alpha, mono: false }));
}

export function drawOver(canvas: HTMLCanvasElement, view: View, size: Size, ratio: number, inks: Inks, over: Over): void {
  resized(canvas, size, ratio);
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  drawNames(context, view, size, inks, over.names);
  if (over.ring !== null) {
    const [left, top] = toScreen(view, size, ...over.ring);
    context.beginPath();
    context.arc(left, top, over.radius + 3.5, 0, 2 * Math.PI);
    stroke(context, inks.ground, 4, 1);
    stroke(context, inks.accent, 2, 1);
  }
  if (over.lasso.length > 1) {
    context.beginPath();
    for (const [x, y] of over.lasso) context.lineTo(...toScreen(view, size, x, y));
    context.closePath();
    context.fillStyle = inks.accent;
    context.globalAlpha = 0.06;
    context.fill("evenodd");
    stroke(context, inks.accent, 1.5, 1);
  }
}

function stroke(context: CanvasRenderingContext2D, style: string, width: number, alpha: number): void {
  context.globalAlpha = alpha;
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke();
}

/** Each name where nothing stands that came before it; a plate of ground keeps it legible over points. */
function drawNames(context: CanvasRenderingContext2D, view: View, size: Size, inks: Inks, names: readonly Name[]): void {
  context.textAlign = "center";
  context.textBaseline = "middle";
  const taken: [left: number, top: number, right: number, bottom: number][] = [];
  for (const { text, x, y, below, alpha, mono } of names) {
    const [left, middle] = toScreen(view, size, x, y);
    const top = middle + below;
    if (left < 0 || left > size.width || top < LINE || top > size.height - LINE) continue;
    context.font = mono ? `11px ${inks.mono}` : `600 ${LINE}px ${inks.sans}`;
    const half = context.measureText(text).width / 2;
    const inward = Math.max(half + PADDING, Math.min(size.width - half - PADDING, left));
    const box = [inward - half - PADDING, top - LINE / 2 - PADDING, inward + half + PADDING, top + LINE / 2 + PADDING - 1] as const;
    if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
    taken.push([...box]);
    context.fillStyle = inks.ground;
    context.globalAlpha = alpha * PLATE;
    context.beginPath();
    context.roundRect(box[0], box[1], box[2] - box[0], box[3] - box[1], 3);
    context.fill();
    context.fillStyle = inks.ink;
    context.globalAlpha = alpha;
    context.fillText(text, inward, top);
  }
}
