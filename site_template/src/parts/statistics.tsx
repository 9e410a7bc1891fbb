import { count, number, percent } from "../draw/format.ts";
import type { Latent } from "../store/atlas.ts";
import { DOCS, type FloatField } from "../store/schema.gen.ts";

const SHOWN: [FloatField, string][] = [
  ["density", "density"],
  ["max", "max"],
  ["min", "min"],
  ["mean_firing", "mean when firing"],
  ["mean", "mean"],
  ["variance", "variance"],
  ["skew", "skew"],
  ["kurtosis", "kurtosis"],
  ["concentration", "concentration"],
  ["fires_on_missed", "missed by the table"],
];
const SHARES = new Set<FloatField>(["density", "concentration", "fires_on_missed"]);

/** Every number with its definition and the sample that it is over. */
export function Statistics({ latent, counted }: { latent: Latent; counted: number }) {
  return (
    <>
      <p class="quiet">
        over {count(counted)} counted tokens, of which it fires on {count(latent.ints.firings[0] ?? 0)}
      </p>
      <dl class="statistics">
        {SHOWN.map(([field, name]) => {
          const value = latent.floats[field][0] ?? 0;
          return (
            <div key={field}>
              <dt>
                {name} <span class="definition">{DOCS[field]}</span>
              </dt>
              <dd>{SHARES.has(field) ? percent(value) : number(value)}</dd>
            </div>
          );
        })}
      </dl>
    </>
  );
}
