import { formatAddress, parseAddress } from "../state/address.ts";
import { useKeys } from "../state/keys.ts";
import { anyHref, latentHref } from "../state/url.ts";
import { unpackAddresses } from "../state/starred.ts";
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

/** Previous, random and next latent of a dictionary, or head of a layer; or along the list that the query holds. */
export function Walk(props: Props) {
  const along = new URLSearchParams(location.search).get("in");
  const addresses = along === null ? [] : unpackAddresses(along);
  return along !== null && addresses.includes(props.at) ? <WalkList {...{ along, addresses }} {...props} /> : <WalkAll {...props} />;
}

function WalkList({ at, along, addresses, root, onGo }: Props & { along: string; addresses: readonly string[] }) {
  const here = addresses.indexOf(at);
  const step = (by: number) => addresses[(here + by + addresses.length) % addresses.length] ?? at;
  const href = (to: string, address: string) => `${anyHref(to, address)}&in=${encodeURIComponent(along)}`;
  useKeys({ ArrowLeft: () => onGo(step(-1)), ArrowRight: () => onGo(step(1)) });
  return (
    <>
      <LatentLink class="button" address={step(-1)} label="previous of the list (left arrow)" {...{ root, href, onGo }}>
        ‹
      </LatentLink>
      <span class="quiet along">
        {here + 1} of {addresses.length} in the list
      </span>
      <LatentLink class="button" address={step(1)} label="next of the list (right arrow)" {...{ root, href, onGo }}>
        ›
      </LatentLink>
    </>
  );
}

function WalkAll({ at, dictionary, n, unit = "latent", root, href = latentHref, onGo }: Props) {
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
