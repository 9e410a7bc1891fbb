import { useEffect, useState } from "preact/hooks";
import { number } from "../draw/format.ts";
import { formatAddress } from "../state/address.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent, Preview } from "../store/dictionary.ts";
import { LatentLink } from "./latent-link.tsx";
import { PreviewCard } from "./preview-card.tsx";

interface Props {
  latent: Latent;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  root: string;
  onGo: (address: string) => void;
}

/** A neighbour that is pointed at. */
interface Pointed {
  index: number;
  anchor: Element;
}

/** The latents of the same dictionary whose write directions are nearest; pointing at one previews it. */
export function Neighbours({ latent, dictionary, vocabulary, root, onGo }: Props) {
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const [preview, setPreview] = useState<Preview | null>(null);
  useEffect(() => setPointed(null), [latent]);
  useEffect(() => {
    let wanted = true;
    setPreview(null);
    if (pointed) dictionary.preview(pointed.index).then((found) => wanted && setPreview(found), () => undefined);
    return () => {
      wanted = false;
    };
  }, [pointed]);
  const near = Array.from(latent.ints.neighbour_index, (index, i) => ({ index, cosine: latent.floats.neighbour_cosine[i] ?? 0 }));
  const others = near.filter(({ index }) => index !== latent.index);
  if (others.length === 0) return <p class="quiet">It has no neighbours.</p>;
  return (
    <>
      <ol class="neighbours" onPointerLeave={() => setPointed(null)} onFocusOut={() => setPointed(null)}>
        {others.map(({ index, cosine }) => {
          const point = (event: Event) => setPointed({ index, anchor: event.currentTarget as Element });
          return (
            <li key={index} onPointerEnter={point} onFocusIn={point}>
              <LatentLink address={formatAddress({ dictionary: dictionary.record.id, index })} {...{ root, onGo }} />
              <span class="track" style={{ "--width": Math.max(0, cosine).toFixed(3) }} />
              <span class="value">{number(cosine)}</span>
            </li>
          );
        })}
      </ol>
      {pointed && preview && <PreviewCard preview={preview} anchor={pointed.anchor} vocabulary={vocabulary} />}
    </>
  );
}
