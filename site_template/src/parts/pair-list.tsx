import { number, score } from "../draw/format.ts";
import { alone } from "../draw/glyphs.ts";
import type { Pair, Side } from "../state/pattern.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { HeadWindow } from "../store/heads.ts";
import { Token } from "./token.tsx";

const SHOWN = 8;
/** What rounding alone may leave of eight values. */
const LITTLE = 0.02;

interface Props {
  pairs: readonly Pair[];
  /** The token told of, on its side. */
  index: number;
  side: Side;
  /** Whether the first position is among the keys. */
  sink: boolean;
  window: HeadWindow;
  vocabulary: Vocabulary;
}

/** What a token looks at, or is looked at from, with the numbers. */
export function PairList({ pairs, index, side, sink, window, vocabulary }: Props) {
  const end = side === "query" ? "key" : "query";
  const first = sink ? 0 : (window.looks[index]?.find(({ key }) => key === 0)?.attention ?? 0);
  const told = pairs.reduce((sum, pair) => sum + pair.attention, first);
  const token = alone(vocabulary, window.types[index] ?? 0);
  const rest = 1 - told < LITTLE ? "hardly any of its attention is elsewhere" : `the other ${score(1 - told)} of its attention is spread thinner`;
  const lost = side === "query" ? rest : "of each query only the eight largest are told";
  return (
    <div class="pair-list">
      <p>
        <span class="token">{token}</span> <span class="quiet">at {index}</span> {side === "query" ? "looks at" : "is looked at from"}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">{end}</th>
            <th scope="col">at</th>
            <th scope="col">attention</th>
            <th scope="col">write norm</th>
          </tr>
        </thead>
        <tbody>
          {pairs.slice(0, SHOWN).map((pair) => (
            <tr key={pair[end]}>
              <th scope="row">
                <Token type={window.types[pair[end]] ?? 0} vocabulary={vocabulary} />
              </th>
              <td>{pair[end]}</td>
              <td class="barred" style={{ "--width": Math.min(1, pair.attention).toFixed(3) }}>
                {number(pair.attention)}
              </td>
              <td>{number(pair.write)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">
        {side === "query" && first > 0 && `${score(first)} is on the first position; `}
        {pairs.length === 0 ? "nothing of 0.005 or more" : lost}
      </p>
    </div>
  );
}
