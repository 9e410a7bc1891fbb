import { number } from "../draw/format.ts";
import { formatAddress } from "../state/address.ts";
import { latentHref } from "../state/url.ts";
import type { Latent } from "../store/atlas.ts";

interface Props {
  latent: Latent;
  dictionary: string;
  root: string;
  onFollow: (event: MouseEvent, address: string) => void;
}

/** The latents of the same dictionary whose write directions are nearest. */
export function Neighbours({ latent, dictionary, root, onFollow }: Props) {
  const indexes = [...latent.ints.neighbour_index];
  return (
    <ol class="neighbours">
      {indexes.map((index, i) => {
        if (index === latent.index) return null;
        const address = formatAddress({ dictionary, index });
        return (
          <li key={index}>
            <a href={latentHref(root, address)} onClick={(event) => onFollow(event, address)}>
              {address}
            </a>
            <span class="value">{number(latent.floats.neighbour_cosine[i] ?? 0)}</span>
          </li>
        );
      })}
    </ol>
  );
}
