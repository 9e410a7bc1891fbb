import type { Glyph } from "../draw/glyphs.ts";

interface Props {
  glyph: Glyph;
  /** -1 to 1: share of the scale's end; below 0 takes the other hue. */
  heat: number;
  peak?: boolean;
  /** Where it is in its excerpt, if it can be pointed at. */
  index?: number;
  /** The one cell of its strip that the tab key reaches. */
  reached?: boolean;
}

/** A token on its heat. */
export function Cell({ glyph, heat, peak = false, index, reached = false }: Props) {
  const names = ["cell", heat < 0 && "below", peak && "peak", glyph.faint && "faint"];
  const pointed = index === undefined ? {} : { "data-index": index, tabIndex: reached ? 0 : -1 };
  // Most of a page's thousand tokens have none, and need no style to say so.
  const style = heat === 0 ? undefined : { "--heat": Math.min(1, Math.abs(heat)).toFixed(3) };
  return (
    <span class={names.filter(Boolean).join(" ")} style={style} {...pointed}>
      {glyph.text}
    </span>
  );
}
