import { useEffect, useState } from "preact/hooks";
import { number } from "../draw/format.ts";
import { formatAddress } from "../state/address.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Preview } from "../store/dictionary.ts";
import { LatentLink } from "./latent-link.tsx";
import { PreviewCard } from "./preview-card.tsx";

/** A latent and how like it is to the one on the page, in 0..1. */
export interface Ranked {
  dictionary: string;
  index: number;
  cosine: number;
  /** What the bar's number stands for, in words. */
  title?: string;
}

interface Props {
  rows: Ranked[];
  vocabulary: Vocabulary;
  root: string;
  onGo: (address: string) => void;
  preview: (row: Ranked) => Promise<Preview>;
}

/** A latent that is pointed at. */
interface Pointed {
  row: Ranked;
  anchor: Element;
}

/** Latents by likeness, each with a bar; pointing at one previews it. */
export function Ranking({ rows, vocabulary, root, onGo, preview }: Props) {
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const [shown, setShown] = useState<Preview | null>(null);
  useEffect(() => {
    let wanted = true;
    setShown(null);
    if (pointed) preview(pointed.row).then((found) => wanted && setShown(found), () => undefined);
    return () => {
      wanted = false;
    };
  }, [pointed]);
  return (
    <>
      <ol class="ranking" onPointerLeave={() => setPointed(null)} onFocusOut={() => setPointed(null)}>
        {rows.map((row) => {
          const point = (event: Event) => setPointed({ row, anchor: event.currentTarget as Element });
          return (
            <li key={`${row.dictionary}/${row.index}`} onPointerEnter={point} onFocusIn={point} title={row.title}>
              <LatentLink address={formatAddress(row)} {...{ root, onGo }} />
              <span class="track" style={{ "--width": Math.max(0, row.cosine).toFixed(3) }} />
              <span class="value">{number(row.cosine)}</span>
            </li>
          );
        })}
      </ol>
      {pointed && shown && <PreviewCard preview={shown} anchor={pointed.anchor} vocabulary={vocabulary} />}
    </>
  );
}
