import { useEffect, useRef, useState } from "preact/hooks";
import type { Dictionary } from "../store/dictionary.ts";
import { type AtlasError, asAtlasError } from "../store/errors.ts";
import type { Stat } from "../store/schema.gen.ts";

export type Values = Float32Array | Uint32Array;

/** Whole columns of statistics; those that have come. */
export type Columns = Partial<Record<Stat, Values>>;

export interface ColumnsState {
  columns: Columns;
  error: AtlasError | null;
  retry: () => void;
}

/** Reads the columns that are named, each once, and keeps them; each shows when it has come. */
export function useColumns(dictionary: Dictionary | null, names: readonly Stat[]): ColumnsState {
  const [columns, setColumns] = useState<Columns>({});
  const [error, setError] = useState<AtlasError | null>(null);
  const [attempt, setAttempt] = useState(0);
  const asked = useRef(new Set<Stat>());
  useEffect(() => {
    if (dictionary === null) return;
    for (const name of names) {
      if (asked.current.has(name)) continue;
      asked.current.add(name);
      dictionary.stat(name).then(
        (values) => setColumns((known) => ({ ...known, [name]: values })),
        (reason: unknown) => {
          asked.current.delete(name);
          setError(asAtlasError(reason));
        },
      );
    }
  }, [dictionary, attempt, names.join()]);
  const retry = () => {
    setError(null);
    setAttempt(attempt + 1);
  };
  return { columns, error, retry };
}
