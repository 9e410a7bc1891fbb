import { useEffect, useState } from "preact/hooks";
import type { Address } from "../state/address.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Preview } from "../store/dictionary.ts";
import { Snippet } from "./snippet.tsx";

interface Props {
  atlas: Atlas;
  vocabulary: Vocabulary;
  address: Address;
}

/** Where a latent is strongest, in a line; its place is held while it is read. */
export function UnitSnippet({ atlas, vocabulary, address }: Props) {
  const [shown, setShown] = useState<Preview | "failed" | null>(null);
  useEffect(() => {
    let wanted = true;
    setShown(null);
    atlas
      .dictionary(address.dictionary)
      .then((dictionary) => dictionary.preview(address.index))
      .then(
        (preview) => wanted && setShown(preview),
        () => wanted && setShown("failed"),
      );
    return () => {
      wanted = false;
    };
  }, [atlas, address.dictionary, address.index]);
  if (shown === "failed") return <span class="unit-snippet quiet">its text can’t be read</span>;
  return <span class="unit-snippet">{shown && <Snippet preview={shown} number={0} vocabulary={vocabulary} />}</span>;
}
