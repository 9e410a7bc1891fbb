import { useEffect, useState } from "preact/hooks";
import type { Dictionary } from "../store/dictionary.ts";
import { type AtlasError, asAtlasError } from "../store/errors.ts";
import type { Stat } from "../store/schema.gen.ts";

/** Whole columns of statistics; those that have come. */
export type Columns = Partial<Record<Stat, Float32Array | Uint32Array>>;

export interface ColumnsState {
  columns: Columns;
  error: AtlasError | null;
  retry: () => void;
}

/** Reads columns in the order given; each shows when it has come, so the first ones need not wait. */
export function useColumns(dictionary: Dictionary, names: readonly Stat[]): ColumnsState {
  const [columns, setColumns] = useState<Columns>({});
  const [error, setError] = useState<AtlasError | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setError(null);
    for (const name of names) {
      if (columns[name] !== undefined) continue;
      dictionary.stat(name, abort.signal).then(
        (values) => setColumns((known) => ({ ...known, [name]: values })),
        (reason: unknown) => {
          if (!abort.signal.aborted) setError(asAtlasError(reason));
        },
      );
    }
    return () => abort.abort();
  }, [dictionary, attempt]);
  return { columns, error, retry: () => setAttempt(attempt + 1) };
}
