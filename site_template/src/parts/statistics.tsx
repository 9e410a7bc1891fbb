import { count, number, percent } from "../draw/format.ts";
import { definitionHref } from "../state/url.ts";
import type { Latent } from "../store/dictionary.ts";
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
];
const SHARES = new Set<FloatField>(["density", "concentration"]);

interface Props {
  latent: Latent;
  counted: number;
  root: string;
}

/** Every number with its definition and the sample that it is over. */
export function Statistics({ latent, counted, root }: Props) {
  return (
    <>
      <dl class="statistics">
        {SHOWN.map(([field, name]) => {
          const value = latent.floats[field][0] ?? 0;
          return (
            <div key={field}>
              <dt>
                <a href={definitionHref(root, field)}>{name}</a> <span class="quiet">{DOCS[field]}</span>
              </dt>
              <dd class="value">{SHARES.has(field) ? percent(value) : number(value)}</dd>
            </div>
          );
        })}
      </dl>
      <p class="quiet">
        Over {count(counted)} counted tokens, on {count(latent.ints.firings[0] ?? 0)} of which it fires.
      </p>
    </>
  );
}
