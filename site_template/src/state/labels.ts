import { useEffect, useState } from "preact/hooks";
import type { Dictionary } from "../store/dictionary.ts";
import { type AtlasError, asAtlasError } from "../store/errors.ts";

export interface LabelsState {
  /** Of each latent the best label, as far as they have come. */
  labels: readonly string[];
  error: AtlasError | null;
  retry: () => void;
}

/** All labels of a dictionary, batch by batch, once a filter asks for them. */
export function useAllLabels(dictionary: Dictionary | null, wanted: boolean): LabelsState {
  const [labels, setLabels] = useState<readonly string[]>([]);
  const [error, setError] = useState<AtlasError | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (dictionary === null || !wanted) return;
    let stopped = false;
    const read = async () => {
      for await (const known of dictionary.bestLabels()) {
        if (stopped) return;
        setLabels(known);
      }
    };
    setError(null);
    read().catch((reason: unknown) => setError(asAtlasError(reason)));
    return () => {
      stopped = true;
    };
  }, [dictionary, wanted, attempt]);
  return { labels, error, retry: () => setAttempt(attempt + 1) };
}
