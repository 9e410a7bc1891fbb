import { alone } from "../draw/glyphs.ts";
import type { Vocabulary } from "../store/atlas.ts";

/** A token type by itself: spaces shown, set in the token face. */
export function Token({ type, vocabulary }: { type: number; vocabulary: Vocabulary }) {
  return <span class="token">{alone(vocabulary, type)}</span>;
}
