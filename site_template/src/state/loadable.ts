import { useLayoutEffect, useState } from "preact/hooks";
import { type AtlasError, asAtlasError } from "../store/errors.ts";

/** A value on its way. */
export type Loadable<T> =
  | { state: "loading" }
  | { state: "ready"; value: T }
  | { state: "failed"; error: AtlasError; retry: () => void };

/** Loads whenever `key` changes. Only the newest request may show: older ones are aborted. */
export function useLoadable<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loadable<T> {
  const [attempt, setAttempt] = useState(0);
  const asked = `${attempt} ${key}`;
  const [shown, setShown] = useState<{ asked: string; value: Loadable<T> }>({ asked, value: { state: "loading" } });
  // Before the page is painted: a request need not wait for that.
  useLayoutEffect(() => {
    const abort = new AbortController();
    const show = (value: Loadable<T>) => {
      if (!abort.signal.aborted) setShown({ asked, value });
    };
    load(abort.signal).then(
      (value) => show({ state: "ready", value }),
      (error: unknown) => show({ state: "failed", error: asAtlasError(error), retry: () => setAttempt(attempt + 1) }),
    );
    return () => abort.abort();
  }, [asked]);
  return shown.asked === asked ? shown.value : { state: "loading" };
}
