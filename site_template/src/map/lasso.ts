/** A lasso: a polygon in map steps, as it stands in a URL, and what lies in it. Pure functions. */

export type Place = readonly [x: number, y: number];
export type Polygon = readonly Place[];

const MOST_CORNERS = 40;

/** Indexes of the places inside, by the even-odd rule. `xy` holds x and y of each in turn. */
export function inside(polygon: Polygon, xy: Uint16Array): Uint32Array {
  const [left, right] = ends(polygon.map(([x]) => x));
  const [low, high] = ends(polygon.map(([, y]) => y));
  const found = new Uint32Array(xy.length / 2);
  let size = 0;
  for (let i = 0; i < found.length; i++) {
    const x = xy[2 * i] ?? 0;
    const y = xy[2 * i + 1] ?? 0;
    if (x >= left && x <= right && y >= low && y <= high && contains(polygon, x, y)) found[size++] = i;
  }
  return found.slice(0, size);
}

/** How often a ray to the right crosses the edges; a corner belongs to the edge that goes up from it. */
function contains(polygon: Polygon, x: number, y: number): boolean {
  let within = false;
  let [fromX, fromY] = polygon.at(-1) ?? [0, 0];
  for (const [toX, toY] of polygon) {
    if (fromY > y !== toY > y && x < fromX + ((y - fromY) / (toY - fromY)) * (toX - fromX)) within = !within;
    [fromX, fromY] = [toX, toY];
  }
  return within;
}

function ends(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** With at most so many corners: one after another the corner goes that changes the least area. */
export function simplified(polygon: Polygon, most = MOST_CORNERS): Polygon {
  const kept = polygon.map(([x, y]) => [Math.round(x), Math.round(y)] as const);
  while (kept.length > most) {
    const areas = kept.map((corner, i) => triangle(kept.at(i - 1) ?? corner, corner, kept[(i + 1) % kept.length] ?? corner));
    kept.splice(areas.indexOf(Math.min(...areas)), 1);
  }
  return kept;
}

function triangle(a: Place, b: Place, c: Place): number {
  return Math.abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]));
}

/** `x-y_x-y_…`: no character of it is escaped in a URL. */
export function writeLasso(polygon: Polygon): string {
  return polygon.map(([x, y]) => `${x}-${y}`).join("_");
}

/** The inverse of `writeLasso`; null for what is no polygon. */
export function readLasso(text: string | null): Polygon | null {
  if (text === null || !/^\d{1,5}-\d{1,5}(_\d{1,5}-\d{1,5}){2,199}$/.test(text)) return null;
  return text.split("_").map((corner) => {
    const [x = 0, y = 0] = corner.split("-").map(Number);
    return [x, y] as const;
  });
}
