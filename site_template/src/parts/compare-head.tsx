import type { Loadable } from "../state/loadable.ts";
import { type Letter, NAMES, type Side } from "../state/compare.ts";
import { type Opened, topToken } from "../state/opened.ts";
import { AddressField } from "./address-field.tsx";
import { Token } from "./token.tsx";

export interface SideState {
  at: string;
  side: Loadable<Side>;
  /** What is shown: the last one while the next loads. */
  shown: Side | null;
  /** Its own page; null if it is of another atlas, which this site has no pages for. */
  href: string | null;
}

interface Props {
  sides: Record<Letter, SideState>;
  onGo: (letter: Letter, address: string) => void;
  onSwap: () => void;
}

/** Which two latents these are; stays in sight while the page scrolls. */
export function CompareHead({ sides, onGo, onSwap }: Props) {
  const one = (letter: Letter) => (
    <div class={`compared of-${letter}`}>
      <b class="letter">{NAMES[letter]}</b>
      <AddressField
        id={`at-${letter}`}
        label={`address of latent ${NAMES[letter]}`}
        at={sides[letter].at}
        dictionaries={(sides[letter].shown?.atlas.manifest.dictionaries ?? []).map(({ id }) => id)}
        onGo={(address) => onGo(letter, address)}
      />
      {sides[letter].shown?.opened && (
        <Says opened={sides[letter].shown.opened} at={sides[letter].at} href={sides[letter].href} />
      )}
    </div>
  );
  return (
    <header class="compare-head">
      <h1 class="visually-hidden">
        {sides.a.at || "a latent"} and {sides.b.at || "another"} side by side
      </h1>
      {one("a")}
      <button type="button" class="swap" onClick={onSwap} title="swap A and B (x)" aria-label="swap A and B">
        ⇄
      </button>
      {one("b")}
    </header>
  );
}

/** The token a latent fires on most, what it is said to be, and the way to its page. */
function Says({ opened, at, href }: { opened: Opened; at: string; href: string | null }) {
  const top = topToken(opened.latent);
  const [label] = opened.latent.labels;
  return (
    <p class="compared-says">
      {top === null ? <span class="quiet">dead</span> : <Token type={top} vocabulary={opened.vocabulary} />}
      {label && <span class="label">{label.text}</span>}
      {href === null ? (
        <span class="quiet">of {opened.atlas.manifest.title}</span>
      ) : (
        <a href={href} aria-label={`its page: ${at}`}>
          its page
        </a>
      )}
    </p>
  );
}
