const COUNT = new Intl.NumberFormat("en");

/** Three significant digits; powers of ten only where digits would be lost. */
export function number(value: number): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace("e+", "e").replace("-", "−");
  const text = size >= 1000 ? COUNT.format(Math.round(value)) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

export function count(value: number): string {
  return COUNT.format(value);
}

export function percent(share: number): string {
  return `${number(share * 100)} %`;
}

export interface Glyphs {
  text: string;
  /** What stands for invisible text, bytes or a special token, and is drawn faint. */
  faint: boolean;
}

/** A token as it is drawn: newline, tab and bytes that are no character get a glyph. */
export function glyphs(text: string, kind: number): Glyphs {
  if (kind === 1) return { text: `⟨${text}⟩`, faint: true };
  if (kind === 2) return { text, faint: true };
  if (text === "") return { text: "∅", faint: true };
  const drawn = text.replaceAll("\n", "⏎").replaceAll("\r", "␍").replaceAll("\t", "⇥");
  // Control and format characters (among them those that turn the writing direction) by code point.
  const safe = drawn.replace(/[\p{Cc}\p{Cf}]/gu, (c) => `⟨u+${(c.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}⟩`);
  return { text: safe, faint: safe !== text };
}

/** A token quoted for a list, where its spaces must show. */
export function quoted(text: string, kind: number): string {
  return glyphs(text, kind).text.replaceAll(" ", "␣");
}
