import { useEffect, useMemo, useState } from "preact/hooks";
import type { Dictionary, Layout } from "../store/dictionary.ts";
import { type AtlasError, asAtlasError } from "../store/errors.ts";
import { inside, readLasso } from "./lasso.ts";

export interface SelectionState {
  /** The latents that the lasso holds; null without one, undefined until their places have come. */
  selection: Uint32Array | null | undefined;
  error: AtlasError | null;
}

/** What a lasso of the URL selects. The places are read if there is one, or the map is shown on which it may be drawn. */
export function useSelection(dictionary: Dictionary | null, lasso: string | null, map: boolean): SelectionState {
  const polygon = useMemo(() => (dictionary?.mapped ? readLasso(lasso) : null), [dictionary, lasso]);
  const [layout, setLayout] = useState<Layout | null>(null);
  const [error, setError] = useState<AtlasError | null>(null);
  const wanted = (polygon !== null || map) && layout === null;
  useEffect(() => {
    if (wanted) dictionary?.layout().then(setLayout, (reason: unknown) => setError(asAtlasError(reason)));
  }, [dictionary, wanted]);
  const selection = useMemo(() => (polygon === null ? null : layout && inside(polygon, layout.xy)), [polygon, layout]);
  return { selection: polygon === null ? null : (selection ?? undefined), error };
}
