import { number } from "../draw/format.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Head } from "../store/heads.ts";
import { N_EFFECTS } from "../store/schema.gen.ts";
import { useMore } from "./more.tsx";
import { Token } from "./token.tsx";

interface Props {
  head: Head;
  vocabulary: Vocabulary;
  kind: "ov" | "qk";
  rotary?: boolean;
}

/** A column of a table: what is told of each type of the side, from `<field>_token` and `<field>_value`. */
interface Column {
  name: string;
  field: "ov_promoted" | "ov_suppressed" | "qk";
}

const TABLES: Record<"ov" | "qk", { side: "key" | "query"; first: string; columns: Column[] }> = {
  ov: {
    side: "key",
    first: "attending to",
    columns: [
      { name: "promotes", field: "ov_promoted" },
      { name: "suppresses", field: "ov_suppressed" },
    ],
  },
  qk: { side: "query", first: "from", columns: [{ name: "fits best the keys", field: "qk" }] },
};

/** What the weights alone say of the types that the head attends to, or from, most. */
export function Circuit({ head, vocabulary, kind, rotary = false }: Props) {
  const { side, first, columns } = TABLES[kind];
  const counts = head.ints[`${side}_count`];
  const rows = [...counts.keys()].filter((i) => (counts[i] ?? 0) > 0);
  const [shown, more] = useMore(rows.length);
  if (rows.length === 0) return <p class="quiet">All of its attention is on the first position.</p>;
  return (
    <>
      <table class="circuit">
        <thead>
          <tr>
            <th scope="col">{first}</th>
            {columns.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shown).map((row) => (
            <tr key={row}>
              <th scope="row">
                <Token type={head.ints[`${side}_token`][row] ?? 0} vocabulary={vocabulary} />
              </th>
              {columns.map(({ name, field }) => (
                <td key={name} data-name={name}>
                  <Effects {...{ head, vocabulary, field, row }} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {more}
      <p class="quiet">
        {kind === "ov"
          ? "What the head would add to the logits from such a token: its embedding through the layer’s first norm, W_V, W_O, the final norm’s gain and the unembedding, vocabulary mean removed; strongest first, point at one for its value."
          : `Key types by content score: both embeddings through the layer’s first norm, W_Q and W_K, divided by √d_head; highest first. ${
              rotary ? "The model turns queries and keys by position (rotary); this table leaves that out." : "Positions, which the model adds to embeddings, are left out."
            }`}
      </p>
    </>
  );
}

function Effects({ head, vocabulary, field, row }: { head: Head; vocabulary: Vocabulary; field: Column["field"]; row: number }) {
  const part = [row * N_EFFECTS, (row + 1) * N_EFFECTS] as const;
  const values = head.floats[`${field}_value`].subarray(...part);
  return (
    <ul class="chips">
      {Array.from(head.ints[`${field}_token`].subarray(...part), (type, i) => (
        <li key={type} title={number(values[i] ?? 0)}>
          <Token type={type} vocabulary={vocabulary} />
        </li>
      ))}
    </ul>
  );
}
