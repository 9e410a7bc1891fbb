/** A head's pattern on a canvas: whole, and a part of it with its tokens. */
import type { Pair, Place, Region, Side, Weight } from "../state/pattern.ts";

export interface Heat {
  pairs: readonly Pair[];
  weight: Weight;
  /** Where heat ends. */
  full: number;
}

/** Most pixels of the whole map's side: one smaller than the screen's would vanish. */
const MOST_PIXELS = 192;

/** Pixels of the side of the whole map: of long windows one stands for several tokens. */
export function pixelsOf(n: number): number {
  return Math.ceil(n / tokensPerPixel(n));
}

function tokensPerPixel(n: number): number {
  return Math.ceil(n / MOST_PIXELS);
}

function heatOf(pair: Pair, { weight, full }: Heat): number {
  return full > 0 ? Math.min(1, pair[weight] / full) : 0;
}

/** The heat's hue, as opaque as a pair is strong; of the pairs that share a pixel the strongest. */
export function drawWhole(canvas: HTMLCanvasElement, n: number, heat: Heat): void {
  const each = tokensPerPixel(n);
  const side = canvas.width;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const [red = 0, green = 0, blue = 0] = (getComputedStyle(canvas).color.match(/[\d.]+/g) ?? []).map(Number);
  const image = context.createImageData(side, side);
  for (const pair of heat.pairs) {
    const at = (Math.floor(pair.query / each) * side + Math.floor(pair.key / each)) * 4;
    image.data.set([red, green, blue, Math.max(image.data[at + 3] ?? 0, Math.round(255 * heatOf(pair, heat)))], at);
  }
  context.putImageData(image, 0, 0);
}

/** Room for the tokens beside and below the cells, in pixels of the page. */
export const GUTTER = { left: 84, top: 6, bottom: 68 };
/** Least distance of two tokens that are both written out. */
const LINE = 11;
const LONGEST = 12;
const FONT = 10;
const QUIET = 0.7; // of the ink, as in tokens.css

export interface Detail {
  region: Region;
  n: number;
  at: Place;
  side: Side;
  /** A token as drawn. */
  textOf: (index: number) => string;
}

/** Side of one cell of the large view, whose canvas is `width` wide. */
export function cellOf(width: number, size: number): number {
  return Math.max(1, (width - GUTTER.left) / size);
}

/** Height of the large view. */
export function heightOf(width: number): number {
  return GUTTER.top + width - GUTTER.left + GUTTER.bottom;
}

/** A region's cells with the tokens of its queries beside and of its keys below it. */
export function drawDetail(canvas: HTMLCanvasElement, width: number, heat: Heat, detail: Detail): void {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(heightOf(width) * scale);
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.setTransform(scale, 0, 0, scale, 0, scale * GUTTER.top);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const cell = cellOf(width, detail.region.size);
  drawGround(context, detail, cell, { here: colour("--accent"), there: colour("--ink") });
  drawCells(context, heat, detail, cell, style.color);
  drawTokens(context, detail, cell, { font: style.fontFamily, ink: colour("--ink") });
}

/** What no query can look at stays empty; the row or column told of, and the place, are marked. */
function drawGround(context: CanvasRenderingContext2D, { region, n, at, side }: Detail, cell: number, colours: { here: string; there: string }): void {
  context.fillStyle = colours.there;
  context.globalAlpha = 0.05;
  for (let row = 0; row < region.size && region.query + row < n; row++) {
    const keys = Math.min(region.size, region.query + row + 1 - region.key);
    if (keys > 0) context.fillRect(GUTTER.left, row * cell, keys * cell, cell);
  }
  const [row, column] = [at.query - region.query, at.key - region.key];
  context.fillStyle = colours.here;
  context.globalAlpha = 0.16;
  if (side === "query") context.fillRect(GUTTER.left, row * cell, region.size * cell, cell);
  else context.fillRect(GUTTER.left + column * cell, 0, cell, region.size * cell);
  context.globalAlpha = 1;
}

function drawCells(context: CanvasRenderingContext2D, heat: Heat, { region, at }: Detail, cell: number, hue: string): void {
  const gap = cell > 6 ? 1 : 0;
  context.fillStyle = hue;
  for (const pair of heat.pairs) {
    const [row, column] = [pair.query - region.query, pair.key - region.key];
    if (row < 0 || column < 0 || row >= region.size || column >= region.size) continue;
    context.globalAlpha = heatOf(pair, heat);
    context.fillRect(GUTTER.left + column * cell, row * cell, cell - gap, cell - gap);
  }
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(context.canvas).getPropertyValue("--ink").trim();
  context.lineWidth = 1.5;
  const side = Math.max(cell, 5);
  const middle = (index: number) => (index + 0.5) * cell - side / 2;
  context.strokeRect(GUTTER.left + middle(at.key - region.key), middle(at.query - region.query), side, side);
}

/** Tokens are written as densely as they can be read; those of the place always, and strong. */
function drawTokens(context: CanvasRenderingContext2D, { region, n, at, textOf }: Detail, cell: number, look: { font: string; ink: string }): void {
  const every = Math.ceil(LINE / cell);
  const write = (index: number, here: number, from: number, turned: boolean) => {
    const near = index !== here && Math.abs(index - here) * cell < LINE;
    if (index >= n || near || (index !== here && (index - from) % every !== 0)) return;
    context.font = `${index === here ? "700 " : ""}${FONT}px ${look.font}`;
    context.fillStyle = look.ink;
    context.save();
    context.globalAlpha = index === here ? 1 : QUIET;
    const middle = (index - from + 0.5) * cell;
    if (turned) {
      context.translate(GUTTER.left + middle, region.size * cell + 4);
      context.rotate(-Math.PI / 2);
    } else context.translate(GUTTER.left - 5, middle);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText(shortened(textOf(index)), 0, 0);
    context.restore();
  };
  for (let i = 0; i < region.size; i++) {
    write(region.query + i, at.query, region.query, false);
    write(region.key + i, at.key, region.key, true);
  }
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join("")}…` : text;
}
