import { count, number, percent } from "../draw/format.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Latent } from "../store/dictionary.ts";
import { DOCS } from "../store/schema.gen.ts";
import { Token } from "./token.tsx";

/** The token types with the largest share of the activation mass. */
export function FiresOn({ latent, vocabulary, root }: { latent: Latent; vocabulary: Vocabulary; root: string }) {
  const rows = [...latent.ints.fires_on_count.keys()].filter((i) => (latent.ints.fires_on_count[i] ?? 0) > 0);
  const { fires_on_p: p, fires_on_mean: mean, fires_on_share: share, fires_on_missed: missed } = latent.floats;
  if (rows.length === 0) return <p class="quiet">No token type on which it fires is common enough to say.</p>;
  return (
    <>
      <table class="fires-on">
        <thead>
          <tr>
            <th scope="col">token</th>
            <th scope="col" title={DOCS.fires_on_share}>
              share
            </th>
            <th scope="col" title={DOCS.fires_on_p}>
              P(fires)
            </th>
            <th scope="col" title={DOCS.fires_on_mean}>
              mean
            </th>
            <th scope="col" title={DOCS.fires_on_count}>
              of
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((i) => (
            <tr key={i}>
              <th scope="row">
                <Token type={latent.ints.fires_on_token[i] ?? 0} vocabulary={vocabulary} root={root} />
              </th>
              <td class="barred" style={{ "--width": (share[i] ?? 0).toFixed(3) }}>
                {percent(share[i] ?? 0)}
              </td>
              <td>{number(p[i] ?? 0)}</td>
              <td>{number(mean[i] ?? 0)}</td>
              <td>{count(latent.ints.fires_on_count[i] ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">
        share: of its firings; of: occurrences of the token
        {(missed[0] ?? 0) > 0 && `; any one type may have up to ${percent(missed[0] ?? 0)} of its firings beyond what is told here`}
      </p>
    </>
  );
}
