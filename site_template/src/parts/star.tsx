import { useKeys } from "../state/keys.ts";
import { isLasting, toggleStar, useOwnList } from "../state/own-list.ts";

/** Puts a latent or a head on one's own list, or takes it off. */
export function Star({ address }: { address: string }) {
  const starred = useOwnList().items.some((item) => item.address === address);
  const says = starred && !isLasting() ? "on your list until you leave: this browser keeps nothing" : starred ? "on your list; take it off" : "put on your list";
  return (
    <button type="button" class="star" aria-pressed={starred} aria-label={`star ${address}`} title={says} onClick={() => void toggleStar(address)}>
      {starred ? "★" : "☆"}
    </button>
  );
}

/** The same, and the key `s`. */
export function KeyedStar({ address }: { address: string }) {
  useKeys({ s: () => void toggleStar(address) });
  return <Star address={address} />;
}
