import { count, number, percent } from "../draw/format.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Head } from "../store/heads.ts";
import { HEAD_DOCS } from "../store/schema.gen.ts";
import { useMore } from "./more.tsx";
import { Token } from "./token.tsx";

interface Props {
  head: Head;
  side: "query" | "key";
  vocabulary: Vocabulary;
}

/** The token types that get, or pay, the largest share of the head's attention. */
export function Looks({ head, side, vocabulary }: Props) {
  const { ints, floats } = head;
  const [tokens, counts] = [ints[`${side}_token`], ints[`${side}_count`]];
  const [shares, means] = [floats[`${side}_share`], floats[`${side}_attention`]];
  const rows = [...counts.keys()].filter((i) => (counts[i] ?? 0) > 0);
  const missed = floats[`${side}_missed`][0] ?? 0;
  const [shown, more] = useMore(rows.length);
  if (rows.length === 0) return <p class="quiet">All of its attention is on the first position.</p>;
  return (
    <>
      <table class="fires-on">
        <thead>
          <tr>
            <th scope="col">token</th>
            <th scope="col" title={HEAD_DOCS[`${side}_share`]}>
              share
            </th>
            <th scope="col" title={HEAD_DOCS[`${side}_attention`]}>
              mean
            </th>
            <th scope="col" title={HEAD_DOCS[`${side}_count`]}>
              of
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shown).map((i) => (
            <tr key={i}>
              <th scope="row">
                <Token type={tokens[i] ?? 0} vocabulary={vocabulary} />
              </th>
              <td class="barred" style={{ "--width": (shares[i] ?? 0).toFixed(3) }}>
                {percent(shares[i] ?? 0)}
              </td>
              <td>{number(means[i] ?? 0)}</td>
              <td>{count(counts[i] ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more}
      <p class="quiet">
        share: of all attention but that on the first position; mean: {side === "key" ? "got by" : "paid by"} an occurrence; of: occurrences
        {missed > 0 && `; ${percent(missed)} is of rarer types, which are not counted one by one`}
      </p>
    </>
  );
}
