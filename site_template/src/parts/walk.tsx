import { formatAddress, parseAddress } from "../state/address.ts";
import { useKeys } from "../state/keys.ts";
import { latentHref } from "../state/url.ts";
import { LatentLink } from "./latent-link.tsx";

interface Props {
  /** The latent that was asked for, which may still be on its way. */
  at: string;
  dictionary: string;
  n: number;
  /** What is walked along, in the singular. */
  unit?: string;
  root: string;
  href?: (root: string, address: string) => string;
  onGo: (address: string) => void;
}

/** Previous, random and next latent of a dictionary, or head of a layer. */
export function Walk({ at, dictionary, n, unit = "latent", root, href = latentHref, onGo }: Props) {
  const here = parseAddress(at)?.index ?? 0;
  const step = (by: number) => formatAddress({ dictionary, index: (here + by + n) % n });
  const random = () => onGo(formatAddress({ dictionary, index: Math.floor(Math.random() * n) }));
  useKeys({ ArrowLeft: () => onGo(step(-1)), ArrowRight: () => onGo(step(1)), r: random });
  return (
    <>
      <LatentLink class="button" address={step(-1)} label={`previous ${unit} (left arrow)`} {...{ root, href, onGo }}>
        ‹
      </LatentLink>
      <button type="button" onClick={random} title={`random ${unit} (r)`}>
        random
      </button>
      <LatentLink class="button" address={step(1)} label={`next ${unit} (right arrow)`} {...{ root, href, onGo }}>
        ›
      </LatentLink>
    </>
  );
}
