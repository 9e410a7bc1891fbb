import { number, percent } from "../draw/format.ts";
import { alone } from "../draw/glyphs.ts";
import { Snippet } from "../parts/snippet.tsx";
import { useInSight } from "../state/in-sight.ts";
import { latentHref } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary } from "../store/dictionary.ts";
import { SNIPPETS } from "../store/schema.gen.ts";
import type { Colouring } from "./colouring.ts";
import type { Size } from "./view.ts";

const WIDTH = 360;
const GAP = 10;

interface Props {
  index: number;
  label: string;
  /** Its token type of most activation mass; undefined until that column has come. */
  type: number | undefined;
  dead: boolean;
  value: number | undefined;
  colouring: Colouring;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  root: string;
  /** Where its point is on the map. */
  at: readonly [left: number, top: number];
  size: Size;
}

/** A latent at a glance beside its point: above it in the lower half of the map, below it in the upper. */
export function PointCard({ index, label, type, dead, value, colouring, dictionary, vocabulary, root, at, size }: Props) {
  const preview = useInSight(Uint32Array.of(index), (each) => dictionary.preview(each)).get(index);
  const address = `${dictionary.record.id}/${index}`;
  const width = Math.min(WIDTH, size.width - 8);
  const left = Math.max(4, Math.min(at[0] - width / 2, size.width - width - 4));
  const place = at[1] > size.height / 2 ? { bottom: `${size.height - at[1] + GAP}px` } : { top: `${at[1] + GAP}px` };
  return (
    <div class="map-card" style={{ left: `${left}px`, width: `${width}px`, ...place }}>
      <p class="of">
        <a href={latentHref(root, address)} tabIndex={-1}>
          {address}
        </a>
        {dead ? <span class="quiet">dead</span> : type !== undefined && <span class="token">{alone(vocabulary, type)}</span>}
        {value !== undefined && (
          <span class="quiet">
            {colouring.name} {(colouring.share ? percent : number)(value)}
          </span>
        )}
      </p>
      {label !== "" && <p class="label">{label}</p>}
      <div class="snippets">
        {preview === "failed" ? (
          <p class="quiet">its examples can’t be read</p>
        ) : (
          preview && Array.from({ length: SNIPPETS }, (_, each) => <Snippet key={each} number={each} {...{ preview, vocabulary }} />)
        )}
      </div>
    </div>
  );
}
