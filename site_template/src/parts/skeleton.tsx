import { Pane } from "./pane.tsx";
import { Slow } from "./slow.tsx";

const LATENT: readonly (readonly [string, string])[][] = [
  [
    ["Examples", "examples"],
    ["Effect on the output", "effects"],
  ],
  [
    ["Activations", "activations"],
    ["Fires on", "fires-on"],
  ],
];

interface Props {
  at: string;
  /** Name and id of each pane, by column. */
  panes?: readonly (readonly (readonly [string, string])[])[];
}

/** The page of a latent, or of a head, while it loads, in its final layout. */
export function Skeleton({ at, panes = LATENT }: Props) {
  return (
    <article class="latent waits" aria-busy="true">
      <header class="latent-head">
        <h1>{at}</h1>
        <Slow />
      </header>
      <div class="panes">
        {panes.map((column, i) => (
          <div key={i} class="column">
            {column.map(([name, id]) => (
              <Pane key={id} name={name} id={id}>
                <div class="skeleton" />
              </Pane>
            ))}
          </div>
        ))}
      </div>
    </article>
  );
}
