import { useEffect, useState } from "preact/hooks";
import { number } from "../draw/format.ts";
import { type Address, formatAddress } from "../state/address.ts";
import type { Name } from "../state/names.ts";
import type { RelatedList } from "../state/related.ts";
import { headHref } from "../state/url.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Preview } from "../store/dictionary.ts";
import { LatentLink } from "./latent-link.tsx";
import { PreviewCard } from "./preview-card.tsx";
import { Token } from "./token.tsx";

interface Props {
  list: RelatedList;
  names: ReadonlyMap<string, Name>;
  atlas: Atlas;
  vocabulary: Vocabulary;
  root: string;
  onGo: (address: string) => void;
}

/** A latent that is pointed at. */
interface Pointed {
  unit: Address;
  anchor: Element;
}

/** Units with what they are called, a bar and a number; pointing at a latent previews it. */
export function Ranking({ list, names, atlas, vocabulary, root, onGo }: Props) {
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const shown = usePreview(atlas, pointed);
  return (
    <>
      <ol class="ranking" onPointerLeave={() => setPointed(null)} onFocusOut={() => setPointed(null)}>
        {list.units.map((unit) => {
          const address = formatAddress(unit);
          const point = (event: Event) => !list.heads && setPointed({ unit, anchor: event.currentTarget as Element });
          const width = Math.min(1, Math.abs(unit.value) / list.full);
          return (
            <li key={address} onPointerEnter={point} onFocusIn={point}>
              {list.heads ? <HeadLink {...{ address, atlas, root }} /> : <LatentLink {...{ address, root, onGo }} />}
              <Called name={names.get(address)} vocabulary={vocabulary} />
              <span class={unit.value < 0 ? "track below" : "track"} style={{ "--width": width.toFixed(3) }} />
              <span class="value">{number(unit.value)}</span>
              {unit.beside !== undefined && <span class="value quiet">{unit.beside}</span>}
            </li>
          );
        })}
      </ol>
      {pointed && shown && <PreviewCard preview={shown} anchor={pointed.anchor} vocabulary={vocabulary} />}
    </>
  );
}

/** Its label, or the token that it fires on most; nothing until it is known. */
function Called({ name, vocabulary }: { name: Name | undefined; vocabulary: Vocabulary }) {
  if (name?.label) return <span class="called">{name.label}</span>;
  return <span class="called">{typeof name?.type === "number" && <Token type={name.type} vocabulary={vocabulary} />}</span>;
}

/** Heads have pages only if they were described. */
function HeadLink({ address, atlas, root }: { address: string; atlas: Atlas; root: string }) {
  const described = atlas.headsRecord(address.slice(0, address.lastIndexOf("/"))) !== undefined;
  return described ? <a href={headHref(root, address)}>{address}</a> : <span class="token">{address}</span>;
}

function usePreview(atlas: Atlas, pointed: Pointed | null): Preview | null {
  const [shown, setShown] = useState<Preview | null>(null);
  useEffect(() => {
    let wanted = true;
    setShown(null);
    const read = async ({ unit }: Pointed) => (await atlas.dictionary(unit.dictionary)).preview(unit.index);
    if (pointed) read(pointed).then((found) => wanted && setShown(found), () => undefined);
    return () => {
      wanted = false;
    };
  }, [pointed]);
  return shown;
}
