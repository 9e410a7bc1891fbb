import type { AtlasError } from "../store/errors.ts";
import { KeyForm } from "./key-form.tsx";

interface Props {
  error: AtlasError;
  retry: () => void;
  /** What was asked for, where it is all that the page was to show. */
  at?: string;
}

/** What failed, why, and what would help. */
export function Failed({ error, retry, at }: Props) {
  return (
    <>
      {at !== undefined && <h1>{at || "Nothing yet"}</h1>}
      <section class="failed" role="alert">
        <h2>This can’t be shown</h2>
        <p>{error.message}.</p>
        <p class="quiet">{error.remedy}.</p>
        <button type="button" onClick={retry}>
          Try again
        </button>
        {error.locked && <KeyForm />}
      </section>
    </>
  );
}
