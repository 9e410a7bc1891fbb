import type { ComponentChildren } from "preact";
import { fold } from "../store/words.ts";

/** A text in which the words that were met are marked. */
export function markWords(text: string, terms: readonly string[]): ComponentChildren {
  const parts = text.split(/([\p{L}\p{N}\p{M}]+)/u);
  return parts.map((part, i) => (i % 2 === 1 && terms.includes(fold(part)) ? <mark key={i}>{part}</mark> : part));
}

/** A text in which the first occurrence of a part is marked, whatever the case. */
export function markPart(text: string, part: string): ComponentChildren {
  const at = part === "" ? -1 : text.toLowerCase().indexOf(part.toLowerCase());
  if (at < 0) return text;
  const end = at + part.length;
  return [text.slice(0, at), <mark key="met">{text.slice(at, end)}</mark>, text.slice(end)];
}
