import { formatAddress, parseAddress } from "../state/address.ts";
import { useKeys } from "../state/keys.ts";
import { LatentLink } from "./latent-link.tsx";

interface Props {
  /** The latent that was asked for, which may still be on its way. */
  at: string;
  dictionary: string;
  n: number;
  root: string;
  onGo: (address: string) => void;
}

/** Previous, random and next latent of the dictionary. */
export function Walk({ at, dictionary, n, root, onGo }: Props) {
  const here = parseAddress(at)?.index ?? 0;
  const step = (by: number) => formatAddress({ dictionary, index: (here + by + n) % n });
  const random = () => onGo(formatAddress({ dictionary, index: Math.floor(Math.random() * n) }));
  useKeys({ ArrowLeft: () => onGo(step(-1)), ArrowRight: () => onGo(step(1)), r: random });
  return (
    <>
      <LatentLink class="button" address={step(-1)} label="previous latent (left arrow)" {...{ root, onGo }}>
        ‹
      </LatentLink>
      <button type="button" onClick={random} title="random latent (r)">
        random
      </button>
      <LatentLink class="button" address={step(1)} label="next latent (right arrow)" {...{ root, onGo }}>
        ›
      </LatentLink>
    </>
  );
}
