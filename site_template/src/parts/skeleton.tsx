import { Pane } from "./pane.tsx";
import { Slow } from "./slow.tsx";

/** The latent page while it loads, in its final layout. */
export function Skeleton({ at }: { at: string }) {
  const waiting = (name: string, id: string) => (
    <Pane name={name} id={id}>
      <div class="skeleton" />
    </Pane>
  );
  return (
    <article class="latent waits" aria-busy="true">
      <header class="latent-head">
        <h1>{at}</h1>
        <Slow />
      </header>
      <div class="panes">
        <div class="column">
          {waiting("Examples", "examples")}
          {waiting("Effect on the output", "effects")}
        </div>
        <div class="column">
          {waiting("Activations", "activations")}
          {waiting("Fires on", "fires-on")}
        </div>
      </div>
    </article>
  );
}
