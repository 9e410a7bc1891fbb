import { number } from "../draw/format.ts";
import { formatAddress } from "../state/address.ts";
import { useSaid } from "../state/said.ts";
import { latentHref } from "../state/url.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Row } from "../store/tokens.ts";
import { useMore } from "./more.tsx";
import { UnitSnippet } from "./unit-snippet.tsx";

interface Props {
  rows: readonly Row[];
  /** What the two measures are called, and what they mean. */
  heads: readonly [first: string, second: string];
  docs: readonly [first: string, second: string];
  atlas: Atlas;
  vocabulary: Vocabulary;
  root: string;
}

/** Units by a measure, each with its label, if it has one, and where it is strongest. */
export function UnitList({ rows, heads, docs, atlas, vocabulary, root }: Props) {
  const [shown, more] = useMore(rows.length);
  const largest = Math.max(...rows.map(({ first }) => Math.abs(first)));
  return (
    <>
      <table class="units">
        <thead>
          <tr>
            <th scope="col">unit</th>
            <th scope="col">where it is strongest</th>
            {heads.map((head, i) => (
              <th key={head} class="number" scope="col" title={docs[i]}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shown).map((row) => (
            <UnitRow key={formatAddress(row.address)} share={Math.abs(row.first) / largest} {...{ row, atlas, vocabulary, root }} />
          ))}
        </tbody>
      </table>
      {more}
    </>
  );
}

interface RowProps {
  row: Row;
  /** Of the largest first measure. */
  share: number;
  atlas: Atlas;
  vocabulary: Vocabulary;
  root: string;
}

function UnitRow({ row: { address, first, second }, share, atlas, vocabulary, root }: RowProps) {
  const said = useSaid(atlas, address);
  const name = formatAddress(address);
  return (
    <tr>
      <th scope="row">
        <a class="address" href={latentHref(root, name)}>
          {name}
        </a>
      </th>
      <td class="about">
        {said !== "" && (
          <span class="said" title={said}>
            {said}
          </span>
        )}
        <UnitSnippet {...{ atlas, vocabulary, address }} />
      </td>
      <td class={first < 0 ? "number barred below" : "number barred"} style={{ "--width": share.toFixed(3) }}>
        {number(first)}
      </td>
      <td class="number">{number(second)}</td>
    </tr>
  );
}
