import { useState } from "preact/hooks";
import type { Excerpt } from "../parts/strip.tsx";
import type { Atlas } from "../store/atlas.ts";

/** The tokens of a window before and after an excerpt of it. Their activations are not stored. */
export interface Around {
  before: readonly number[];
  after: readonly number[];
}

export interface WholeWindow {
  around: Around | null;
  state: "folded" | "loading" | "shown" | "failed";
  toggle: () => void;
}

/** What the model read beside an excerpt, once somebody asks for it. */
export function useWindow(atlas: Atlas, document: number, excerpt: Excerpt): WholeWindow {
  const [around, setAround] = useState<Around | null>(null);
  const [state, setState] = useState<WholeWindow["state"]>("folded");
  const load = async () => {
    const { stride } = atlas.manifest.windowing;
    const end = excerpt.position + excerpt.types.length;
    const first = Math.floor((excerpt.position + excerpt.peak) / stride) * stride;
    const documents = await atlas.documents();
    const { from, types } = await documents.passage(document, first, first + stride);
    setAround({ before: types.slice(0, Math.max(0, excerpt.position - from)), after: types.slice(end - from) });
    setState("shown");
  };
  const toggle = () => {
    if (state === "shown") {
      setAround(null);
      setState("folded");
    } else {
      setState("loading");
      load().catch(() => setState("failed"));
    }
  };
  return { around, state, toggle };
}
