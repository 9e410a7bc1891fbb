/** How token text is drawn: nothing invisible stays invisible, nothing turns the writing direction. */
import type { Vocabulary } from "../store/atlas.ts";

export interface Glyph {
  text: string;
  /** Stands for something that is no visible text, and is drawn faint. */
  faint: boolean;
}

const ZERO_WIDTH_JOINER = "\u200d";

/** A token in an excerpt of one line: a newline is a glyph, and takes its indentation with it. */
export function inLine(vocabulary: Vocabulary, type: number): Glyph {
  const glyph = special(vocabulary, type);
  if (glyph !== null) return glyph;
  const text = textOf(vocabulary, type);
  if (/^ +$/.test(text)) return { text: "␣", faint: true };
  const drawn = visible(text.replace(/\n */g, "⏎").replaceAll("\t", "⇥"));
  return { text: drawn, faint: /^[⏎⇥]+$/.test(drawn) };
}

/** A token in an excerpt shown whole: a newline is a glyph and breaks the line. */
export function inText(vocabulary: Vocabulary, type: number): Glyph {
  const glyph = special(vocabulary, type);
  if (glyph !== null) return glyph;
  const drawn = visible(textOf(vocabulary, type).replaceAll("\n", "⏎\n").replaceAll("\t", "⇥\t"));
  return { text: drawn, faint: /^[⏎⇥\s]+$/.test(drawn) };
}

/** A token by itself, as in a list, where its spaces must show. */
export function alone(vocabulary: Vocabulary, type: number): string {
  const glyph = special(vocabulary, type);
  if (glyph !== null) return glyph.text;
  return visible(textOf(vocabulary, type).replaceAll("\n", "⏎").replaceAll("\t", "⇥")).replace(/ +/g, spaces);
}

export function textOf(vocabulary: Vocabulary, type: number): string {
  return vocabulary.text[type] ?? "";
}

function special(vocabulary: Vocabulary, type: number): Glyph | null {
  const text = textOf(vocabulary, type);
  if (vocabulary.kind[type] === 1) return { text: `⟨${text}⟩`, faint: true };
  if (vocabulary.kind[type] === 2) return { text: visible(text), faint: true };
  return text === "" ? { text: "∅", faint: true } : null;
}

/** Control and format characters by code point, but for the joiner inside an emoji. */
function visible(text: string): string {
  const emoji = /\p{Extended_Pictographic}/u.test(text);
  return text.replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (emoji && character === ZERO_WIDTH_JOINER) return character;
    return `⟨u+${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}⟩`;
  });
}

function spaces(run: string): string {
  return run.length < 4 ? "␣".repeat(run.length) : `␣×${run.length}`;
}
