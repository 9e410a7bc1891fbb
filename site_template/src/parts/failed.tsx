import type { AtlasError } from "../store/errors.ts";

/** What failed, why, and what would help. */
export function Failed({ error, retry }: { error: AtlasError; retry: () => void }) {
  return (
    <section class="failed" role="alert">
      <h2>This can’t be shown</h2>
      <p>{error.message}.</p>
      <p class="quiet">{error.remedy}.</p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </section>
  );
}
