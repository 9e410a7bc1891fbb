import { alone } from "../draw/glyphs.ts";
import { tokenHref } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";

interface Props {
  type: number;
  vocabulary: Vocabulary;
  /** The page's way to the site's root, where the token shall lead to its page. */
  root?: string;
}

/** A token type by itself: spaces shown, set in the token face. */
export function Token({ type, vocabulary, root }: Props) {
  const text = alone(vocabulary, type);
  if (root === undefined) return <span class="token">{text}</span>;
  return (
    <a class="token" href={tokenHref(root, type)}>
      {text}
    </a>
  );
}
