import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { Ranking } from "./ranking.tsx";

interface Props {
  latent: Latent;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  root: string;
  onGo: (address: string) => void;
}

/** The latents of the same dictionary whose write directions are nearest. */
export function Neighbours({ latent, dictionary, vocabulary, root, onGo }: Props) {
  const near = Array.from(latent.ints.neighbour_index, (index, i) => ({
    dictionary: dictionary.record.id,
    index,
    cosine: latent.floats.neighbour_cosine[i] ?? 0,
  }));
  const rows = near.filter(({ index }) => index !== latent.index);
  if (rows.length === 0) return <p class="quiet">It has no neighbours.</p>;
  return <Ranking key={latent.index} {...{ rows, vocabulary, root, onGo }} preview={({ index }) => dictionary.preview(index)} />;
}
