import { count, number } from "../draw/format.ts";
import { inLine } from "../draw/glyphs.ts";
import { runsAround } from "../state/pattern.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Head, WindowTokens } from "../store/heads.ts";
import { HEAD_DOCS } from "../store/schema.gen.ts";
import { Cell } from "./cell.tsx";

interface Props {
  row: number;
  head: Head;
  /** Missing until they have come. */
  types: WindowTokens | undefined;
  vocabulary: Vocabulary;
  chosen: boolean;
  /** What the row is told with: the largest write norm, or the sum of attention. */
  by: "write" | "attention";
  onChoose: () => void;
}

/** An example window in a line: what it is ranked by, and the tokens around the peak's key and query. */
export function PairRow({ row, head, types, vocabulary, chosen, by, onChoose }: Props) {
  const { ints, floats } = head;
  const [key, query] = [ints.example_key[row] ?? 0, ints.example_query[row] ?? 0];
  const runs = types === undefined ? [] : runsAround(key, query, ints.example_length[row] ?? 0);
  return (
    <li>
      <button type="button" aria-pressed={chosen} onClick={onChoose}>
        <span class="value" title={HEAD_DOCS[`example_${by}`]}>
          {number(floats[`example_${by}`][row] ?? 0)}
        </span>
        <span class="strip pair">
          {runs.map(({ from, to }, n) => (
            <span key={from}>
              {n > 0 && <span class="quiet"> … </span>}
              {Array.from(types?.subarray(from, to) ?? [], (type, offset) => (
                <Cell key={offset} glyph={inLine(vocabulary, type)} heat={from + offset === key ? (floats.example_pattern[row] ?? 0) : 0} peak={from + offset === query} />
              ))}
            </span>
          ))}
        </span>
        <span class="where">
          {count(ints.example_document[row] ?? 0)} · {count(ints.example_position[row] ?? 0)}
        </span>
      </button>
    </li>
  );
}
