import { isShared, joined, type TokenTable } from "../state/compare.ts";
import { useMore } from "./more.tsx";
import { Token } from "./token.tsx";

interface Props {
  a: TokenTable;
  b: TokenTable;
  /** What the two columns hold. */
  what: string;
  show: (value: number) => string;
  /** Said where neither tells a token. */
  none: string;
}

/** The tokens of both as one table: those of both first, and marked. A dash is a token that is not told of. */
export function CompareTokens({ a, b, what, show, none }: Props) {
  const rows = joined(a, b);
  const shared = rows.filter(isShared).length;
  const [shown, more] = useMore(rows.length);
  if (rows.length === 0) return <p class="quiet">{none}</p>;
  const cell = (value: number | undefined) => <td class="value">{value === undefined ? <span class="quiet">–</span> : show(value)}</td>;
  return (
    <>
      <table class="beside">
        <thead>
          <tr>
            <th scope="col">token</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
            <th scope="col">{shared === 0 ? "none of both" : `${shared} of both`}</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shown).map((row) => (
            <tr key={`${row.vocabulary === a.vocabulary} ${row.type}`} class={isShared(row) ? "is-shared" : undefined}>
              <th scope="row">
                <Token {...row} />
              </th>
              {cell(row.a)}
              {cell(row.b)}
              <td class="quiet">{isShared(row) ? "both" : row.a === undefined ? "B" : "A"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">{what}</p>
      {more}
    </>
  );
}
