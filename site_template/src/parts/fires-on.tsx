import { count, number, percent } from "../draw/format.ts";
import type { Latent, Vocabulary } from "../store/atlas.ts";
import { Token } from "./token.tsx";

/** The token types with the largest share of the activation mass. */
export function FiresOn({ latent, vocabulary }: { latent: Latent; vocabulary: Vocabulary }) {
  const rows = [...latent.ints.fires_on_count].map((n, i) => ({ n, i })).filter(({ n }) => n > 0);
  if (rows.length === 0) return <p class="quiet">No token type is common enough to say.</p>;
  const { fires_on_p: p, fires_on_mean: mean, fires_on_share: share } = latent.floats;
  return (
    <table class="fires-on">
      <thead>
        <tr>
          <th scope="col">token</th>
          <th scope="col" title="P(it fires at this token)">P(fires)</th>
          <th scope="col" title="share of its firings that fall on this token">share</th>
          <th scope="col" title="mean activation over all occurrences">mean</th>
          <th scope="col" title="occurrences in the corpus">n</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ n, i }) => (
          <tr key={i}>
            <th scope="row">
              <Token type={latent.ints.fires_on_token[i] ?? 0} vocabulary={vocabulary} />
            </th>
            <td>{number(p[i] ?? 0)}</td>
            <td>{percent(share[i] ?? 0)}</td>
            <td>{number(mean[i] ?? 0)}</td>
            <td>{count(n)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
