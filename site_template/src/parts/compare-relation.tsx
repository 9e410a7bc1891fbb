import { count, number } from "../draw/format.ts";
import { sameDictionary, together, writeCosine } from "../state/compare.ts";
import type { Opened } from "../state/opened.ts";

/** How like the two are, as far as the atlas's lists tell it; what they can't tell is said. */
export function CompareRelation({ a, b }: { a: Opened; b: Opened }) {
  return (
    <dl class="relation">
      <div>
        <dt>Cosine of the write directions</dt>
        <dd>{written(a, b)}</dd>
      </div>
      <div>
        <dt>Firing together</dt>
        <dd>{fired(a, b)}</dd>
      </div>
    </dl>
  );
}

function written(a: Opened, b: Opened) {
  const cosine = writeCosine(a, b);
  if (cosine === null) return <span class="quiet">not told between dictionaries: atlas compare does</span>;
  if ("told" in cosine) return <b>{number(cosine.told)}</b>;
  return (
    <>
      <b>≤ {number(cosine.atMost)}</b> <span class="quiet">neither is among the other’s nearest</span>
    </>
  );
}

function fired(a: Opened, b: Opened) {
  if (a.atlas !== b.atlas) return <span class="quiet">not counted between atlases</span>;
  if (sameDictionary(a, b) && a.latent.index === b.latent.index) return <span class="quiet">the same latent</span>;
  const found = together(a, b);
  if (found === null) return <span class="quiet">neither is among those that fire with the other most</span>;
  return (
    <>
      <b>{count(found.count)}</b> shared firings <span class="quiet">cosine {number(found.cosine)}</span>
    </>
  );
}
