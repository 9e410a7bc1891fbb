/** Which part of the plane is in sight: pure functions. Places are in map steps, 0..STEPS, y upwards. */

export const STEPS = 65535;
const MARGIN = 0.92;
const LEAST = 0.5;
/** Beyond it the steps of the places would show. */
const MOST = 64;

export interface View {
  /** The place in the middle. */
  x: number;
  y: number;
  /** CSS pixels a step. */
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

/** The view that shows all places. */
export function fit(xy: Uint16Array, size: Size): View {
  let [left, right, low, high] = [STEPS, 0, STEPS, 0];
  for (let i = 0; i < xy.length; i += 2) {
    const x = xy[i] ?? 0;
    const y = xy[i + 1] ?? 0;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < low) low = y;
    if (y > high) high = y;
  }
  const scale = MARGIN * Math.min(size.width / Math.max(1, right - left), size.height / Math.max(1, high - low));
  return { x: (left + right) / 2, y: (low + high) / 2, scale };
}

export function toScreen(view: View, size: Size, x: number, y: number): [number, number] {
  return [size.width / 2 + (x - view.x) * view.scale, size.height / 2 - (y - view.y) * view.scale];
}

export function toMap(view: View, size: Size, left: number, top: number): [number, number] {
  return [view.x + (left - size.width / 2) / view.scale, view.y - (top - size.height / 2) / view.scale];
}

/** Moved so that what is drawn goes `dx`, `dy` pixels to the right and down; the middle stays in the plane. */
export function panned(view: View, dx: number, dy: number): View {
  return { ...view, x: clamp(view.x - dx / view.scale, 0, STEPS), y: clamp(view.y + dy / view.scale, 0, STEPS) };
}

/** Zoomed by a factor; the place under a pixel stays under it. `home` is the view that shows all. */
export function zoomed(view: View, home: View, size: Size, factor: number, left = size.width / 2, top = size.height / 2): View {
  const scale = clamp(view.scale * factor, LEAST * home.scale, MOST * home.scale);
  const [x, y] = toMap(view, size, left, top);
  const moved = { x: x - (left - size.width / 2) / scale, y: y + (top - size.height / 2) / scale };
  return { x: clamp(moved.x, 0, STEPS), y: clamp(moved.y, 0, STEPS), scale };
}

/** A view as it stands in a URL: middle and magnification; null for the view that shows all. */
export function writeView(view: View, home: View): string | null {
  const times = Number((view.scale / home.scale).toPrecision(3));
  const same = times === 1 && Math.abs(view.x - home.x) < 1 && Math.abs(view.y - home.y) < 1;
  return same ? null : [Math.round(view.x), Math.round(view.y), times].join("_");
}

/** The inverse of `writeView`; what is not such a text shows all. */
export function readView(text: string | null, home: View): View {
  const [x, y, times] = (text ?? "").split("_").map(Number);
  if (x === undefined || y === undefined || times === undefined || ![x, y, times].every(Number.isFinite) || times <= 0) return home;
  return { x: clamp(x, 0, STEPS), y: clamp(y, 0, STEPS), scale: clamp(times, LEAST, MOST) * home.scale };
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
