import { useEffect, useState } from "preact/hooks";
import type { Dictionary } from "../store/dictionary.ts";
import { type AtlasError, asAtlasError } from "../store/errors.ts";

export interface LabelsState {
  /** Of each latent the best label; undefined until they have come. */
  labels: readonly string[] | undefined;
  error: AtlasError | null;
}

/** The labels of a dictionary, which nothing waits for but a filter by label. */
export function useLabels(dictionary: Dictionary): LabelsState {
  const [state, setState] = useState<LabelsState>({ labels: dictionary.labelled ? undefined : [], error: null });
  useEffect(() => {
    if (!dictionary.labelled) return;
    dictionary.bestLabels().then(
      (labels) => setState({ labels, error: null }),
      (reason: unknown) => setState({ labels: undefined, error: asAtlasError(reason) }),
    );
  }, [dictionary]);
  return state;
}
