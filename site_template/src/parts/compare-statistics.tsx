import type { ComponentChildren } from "preact";
import { count, number, percent } from "../draw/format.ts";
import { larger, NAMES } from "../state/compare.ts";
import type { Opened } from "../state/opened.ts";
import { definitionHref } from "../state/url.ts";
import { DOCS, type FloatField } from "../store/schema.gen.ts";

const SHOWN: readonly (readonly [FloatField, string, (value: number) => string])[] = [
  ["density", "density", percent],
  ["max", "max", number],
  ["mean_firing", "mean when firing", number],
  ["mean", "mean", number],
  ["variance", "variance", number],
  ["skew", "skew", number],
  ["kurtosis", "kurtosis", number],
  ["concentration", "on five token types", percent],
  ["min", "min", number],
];

interface Props {
  a: Opened;
  b: Opened;
  root: string;
}

/** The numbers of both, and in words which is larger. */
export function CompareStatistics({ a, b, root }: Props) {
  const row = (key: string, name: ComponentChildren, of: (opened: Opened) => number, show: (value: number) => string) => {
    const [x, y] = [of(a), of(b)];
    const { side, ratio } = larger(x, y);
    return (
      <tr key={key}>
        <th scope="row">{name}</th>
        <td class={side === "a" ? "value is-larger" : "value"}>{show(x)}</td>
        <td class={side === "b" ? "value is-larger" : "value"}>{show(y)}</td>
        <td class="quiet">{side === null ? "equal" : `${NAMES[side]}${ratio === null ? "" : `, ×\u202f${number(ratio)}`}`}</td>
      </tr>
    );
  };
  return (
    <>
      <table class="beside">
        <thead>
          <tr>
            <th scope="col">statistic</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
            <th scope="col">larger</th>
          </tr>
        </thead>
        <tbody>
          {row("firings", "firings", ({ latent }) => latent.ints.firings[0] ?? 0, count)}
          {SHOWN.map(([field, name, show]) => {
            const linked = (
              <a href={definitionHref(root, field)} title={DOCS[field]}>
                {name}
              </a>
            );
            return row(field, linked, ({ latent }) => latent.floats[field][0] ?? 0, show);
          })}
        </tbody>
      </table>
      <p class="quiet">
        Over {count(a.atlas.manifest.windowing.counted_tokens)} counted tokens
        {a.atlas !== b.atlas && ` of A’s atlas and ${count(b.atlas.manifest.windowing.counted_tokens)} of B’s`}.
      </p>
    </>
  );
}
