import { useEffect, useState } from "preact/hooks";
import { type AtlasError, asAtlasError } from "../store/errors.ts";

/** A value on its way. */
export type Loadable<T> =
  | { state: "loading" }
  | { state: "ready"; value: T }
  | { state: "failed"; error: AtlasError; retry: () => void };

/** Loads whenever `key` changes. Only the newest request may show: older ones are aborted. */
export function useLoadable<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loadable<T> {
  const [attempt, setAttempt] = useState(0);
  const [shown, setShown] = useState<{ key: string; value: Loadable<T> }>({ key, value: { state: "loading" } });
  useEffect(() => {
    const abort = new AbortController();
    const show = (value: Loadable<T>) => {
      if (!abort.signal.aborted) setShown({ key, value });
    };
    show({ state: "loading" });
    load(abort.signal).then(
      (value) => show({ state: "ready", value }),
      (error: unknown) => show({ state: "failed", error: asAtlasError(error), retry: () => setAttempt(attempt + 1) }),
    );
    return () => abort.abort();
  }, [key, attempt]);
  return shown.key === key ? shown.value : { state: "loading" };
}
