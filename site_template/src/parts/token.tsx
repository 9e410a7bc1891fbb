import { quoted } from "../draw/format.ts";
import type { Vocabulary } from "../store/atlas.ts";

/** A token type in a list: spaces shown, set in the token face. */
export function Token({ type, vocabulary }: { type: number; vocabulary: Vocabulary }) {
  return <span class="token">{quoted(vocabulary.text[type] ?? "", vocabulary.kind[type] ?? 0)}</span>;
}
