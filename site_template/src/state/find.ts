/** Everything that a text finds in an atlas. */
import { useEffect, useState } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import { type AtlasError, asAtlasError } from "../store/errors.ts";
import { type Hit, SearchIndex } from "../store/search.ts";
import { shownHere } from "./here.ts";
import { openAtlas } from "./opened.ts";
import { findPlaces, type Places } from "./places.ts";
import { type Match, matchingTypes } from "./types.ts";

/** Words are looked for when the keys have rested so long, in milliseconds. */
const PAUSE = 30;

/** Labels and texts are null while they are looked for, and of an atlas without a search index. */
export interface Found extends Places {
  query: string;
  atlas: Atlas;
  vocabulary: Vocabulary;
  tokens: Match[];
  labels: Hit[] | null;
  texts: Hit[] | null;
  /** Nothing more will come. */
  whole: boolean;
}

export interface Finding {
  found: Found | null;
  error: AtlasError | null;
}

/** What a text finds: first places and tokens, then latents by words. What was found last stays meanwhile. */
export function useFound(config: SiteConfig, query: string): Finding {
  const [finding, setFinding] = useState<Finding>({ found: null, error: null });
  useEffect(() => {
    let wanted = true;
    const tell = (found: Found) => wanted && setFinding({ found, error: null });
    const timer = setTimeout(() => {
      find(config, query, tell).catch((error: unknown) => wanted && setFinding({ found: null, error: asAtlasError(error) }));
    }, PAUSE);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [query]);
  return finding;
}

async function find(config: SiteConfig, query: string, tell: (found: Found) => void): Promise<void> {
  const atlas = await openAtlas(config.atlas);
  const [vocabulary, index] = await Promise.all([atlas.vocabulary(), SearchIndex.of(atlas)]);
  const places = findPlaces(query, atlas.manifest, shownHere(config), config.root);
  const tokens = query === "" ? [] : matchingTypes(query, vocabulary);
  const found = { query, atlas, vocabulary, tokens, ...places, labels: null, texts: null, whole: index === null };
  tell(found);
  if (index === null) return;
  const [labels, texts] = await Promise.all([index.hits(query, "label"), index.hits(query, "text")]);
  tell({ ...found, labels, texts, whole: true });
}
