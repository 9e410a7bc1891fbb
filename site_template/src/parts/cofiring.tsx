import { count } from "../draw/format.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { type Ranked, Ranking } from "./ranking.tsx";

interface Props {
  latent: Latent;
  dictionary: Dictionary;
  atlas: Atlas;
  vocabulary: Vocabulary;
  root: string;
  onGo: (address: string) => void;
}

/** The latents that fire where this one does: of its dictionary, and of the layer's other dictionaries. */
export function CoFiring({ latent, dictionary, atlas, vocabulary, root, onGo }: Props) {
  const { ints, floats } = latent;
  const own = together(ints.cofiring_index, ints.cofiring_count, floats.cofiring_cosine, () => dictionary.record.id);
  const mate = (row: number) => dictionary.mates[ints.across_dictionary[row] ?? 0] ?? "";
  const across = together(ints.across_index, ints.across_count, floats.across_cosine, mate);
  const preview = async (row: Ranked) => (await atlas.dictionary(row.dictionary)).preview(row.index);
  const shared = { vocabulary, root, onGo, preview };
  if (own.length + across.length === 0) return <p class="quiet">No latent was found that fires where it does.</p>;
  return (
    <>
      <Ranking key={`own ${latent.index}`} rows={own} {...shared} />
      {across.length > 0 && <h3>In the layer's other dictionaries</h3>}
      <Ranking key={`across ${latent.index}`} rows={across} {...shared} />
      <p class="quiet">cosine of where they fire: shared firings / √(firings of the one × of the other)</p>
    </>
  );
}

/** Rows that are there; none in an atlas that was made before co-firing was counted. */
function together(
  index: Uint32Array = new Uint32Array(),
  counts: Uint32Array = new Uint32Array(),
  cosine: Float32Array = new Float32Array(),
  dictionary: (row: number) => string,
): Ranked[] {
  const rows = Array.from(index, (latent, row) => ({
    dictionary: dictionary(row),
    index: latent,
    cosine: cosine[row] ?? 0,
    title: `both fire at ${count(counts[row] ?? 0)} positions`,
  }));
  return rows.filter((_, row) => (counts[row] ?? 0) > 0);
}
