import { STEPS } from "./view.ts";

const PER_CELL = 4;

/** Places sorted into square cells: what is near a place is found without looking at all. */
export class Grid {
  readonly #side: number;
  /** Of each cell, row by row, where its places start in `#order`; and the end of the last. */
  readonly #starts: Uint32Array;
  readonly #order: Uint32Array;

  constructor(private readonly xy: Uint16Array) {
    const n = xy.length / 2;
    this.#side = Math.max(1, Math.ceil(Math.sqrt(n / PER_CELL)));
    const cells = Uint32Array.from({ length: n }, (_, i) => this.#cell(xy[2 * i] ?? 0) + this.#side * this.#cell(xy[2 * i + 1] ?? 0));
    this.#starts = new Uint32Array(this.#side ** 2 + 1);
    for (const cell of cells) this.#starts[cell + 1] = (this.#starts[cell + 1] ?? 0) + 1;
    for (let cell = 0; cell < this.#side ** 2; cell++) this.#starts[cell + 1] = (this.#starts[cell + 1] ?? 0) + (this.#starts[cell] ?? 0);
    const next = this.#starts.slice();
    this.#order = new Uint32Array(n);
    cells.forEach((cell, i) => {
      const at = next[cell] ?? 0;
      this.#order[at] = i;
      next[cell] = at + 1;
    });
  }

  /** The places of all cells that a rectangle touches. */
  *near(left: number, low: number, right: number, high: number): Generator<number> {
    for (let row = this.#cell(low); row <= this.#cell(high); row++) {
      const start = this.#starts[row * this.#side + this.#cell(left)] ?? 0;
      const stop = this.#starts[row * this.#side + this.#cell(right) + 1] ?? 0;
      for (let at = start; at < stop; at++) yield this.#order[at] ?? 0;
    }
  }

  /** The nearest place within a radius for which `accept` holds; null if there is none. */
  nearest(x: number, y: number, radius: number, accept: (index: number) => boolean): number | null {
    let [found, least]: [number | null, number] = [null, radius ** 2];
    for (const index of this.near(x - radius, y - radius, x + radius, y + radius)) {
      const away = ((this.xy[2 * index] ?? 0) - x) ** 2 + ((this.xy[2 * index + 1] ?? 0) - y) ** 2;
      if (away <= least && accept(index)) [found, least] = [index, away];
    }
    return found;
  }

  #cell(value: number): number {
    return Math.max(0, Math.min(this.#side - 1, Math.floor((value / (STEPS + 1)) * this.#side)));
  }
}
