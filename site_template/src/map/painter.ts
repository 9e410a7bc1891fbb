import type { Size, View } from "./view.ts";

/** What draws the points of a map on its canvas. */
export interface Painter {
  /** RGBA of each latent, and in which order to draw: the last lies on top. */
  colour(rgba: Uint8Array, order: Uint32Array): void;
  /** Draws all points as discs; `ratio` device pixels make a CSS pixel, in which the radius is given. */
  paint(view: View, size: Size, ratio: number, radius: number): void;
}

/** Gives the canvas its size in device pixels, if it has another. */
export function resized(canvas: HTMLCanvasElement, size: Size, ratio: number): void {
  const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
