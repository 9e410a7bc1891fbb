import { type Painter, resized } from "./painter.ts";

/** Points where there is no WebGL: written into the pixels one by one, which is faster than drawing discs. */
export function plainPainter(canvas: HTMLCanvasElement, xy: Uint16Array): Painter | null {
  const context = canvas.getContext("2d");
  if (context === null) return null;
  let colours: Uint32Array = new Uint32Array();
  let order: Uint32Array = new Uint32Array();
  let image: ImageData | null = null;
  return {
    colour(rgba, drawn) {
      colours = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
      order = drawn;
    },
    paint(view, size, ratio, radius) {
      resized(canvas, size, ratio);
      const { width, height } = canvas;
      if (image?.width !== width || image.height !== height) image = context.createImageData(width, height);
      const pixels = new Uint32Array(image.data.buffer).fill(0);
      const reach = Math.ceil(radius * ratio);
      const disc = discOf(radius * ratio, reach, width);
      const scale = view.scale * ratio;
      const [left, top] = [width / 2 - view.x * scale, height / 2 + view.y * scale];
      for (const index of order) {
        const x = Math.round(left + (xy[2 * index] ?? 0) * scale);
        const y = Math.round(top - (xy[2 * index + 1] ?? 0) * scale);
        if (x < reach || y < reach || x >= width - reach || y >= height - reach) continue;
        const at = y * width + x;
        const colour = colours[index] ?? 0;
        for (const offset of disc) pixels[at + offset] = colour;
      }
      context.putImageData(image, 0, 0);
    },
  };
}

/** The pixels of a disc as offsets from its middle. */
function discOf(radius: number, reach: number, width: number): Int32Array {
  const offsets: number[] = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) if (Math.hypot(x, y) <= radius) offsets.push(y * width + x);
  }
  return Int32Array.from(offsets);
}
