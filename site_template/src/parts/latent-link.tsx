import type { ComponentChildren } from "preact";
import { latentHref } from "../state/url.ts";

interface Props {
  address: string;
  root: string;
  /** Where an address is shown; by default on the page of latents. */
  href?: (root: string, address: string) => string;
  onGo: (address: string) => void;
  label?: string;
  class?: string;
  children?: ComponentChildren;
}

/** A link to a latent or a head: a plain click is followed in the page, any other as the browser would. */
export function LatentLink({ address, root, href = latentHref, onGo, label, children, class: name }: Props) {
  const follow = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onGo(address);
  };
  return (
    <a href={href(root, address)} class={name} aria-label={label} title={label} onClick={follow}>
      {children ?? address}
    </a>
  );
}
