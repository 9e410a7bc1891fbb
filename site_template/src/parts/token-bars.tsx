import { number } from "../draw/format.ts";
import type { Vocabulary } from "../store/atlas.ts";
import { Token } from "./token.tsx";

interface Props {
  name: string;
  types: Uint32Array;
  values: Float32Array;
  /** The value whose bar has the whole width. */
  largest: number;
  vocabulary: Vocabulary;
  root: string;
}

/** Token types, each with a number of either sign and its bar. */
export function TokenBars({ name, types, values, largest, vocabulary, root }: Props) {
  return (
    <div>
      <h3>{name}</h3>
      <ol class="bars">
        {Array.from(types, (type, i) => (
          <li key={type}>
            <Token type={type} vocabulary={vocabulary} root={root} />
            <span class={(values[i] ?? 0) < 0 ? "track below" : "track"} style={{ "--width": (Math.abs(values[i] ?? 0) / largest).toFixed(3) }} />
            <span class="value">{number(values[i] ?? 0)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The largest magnitude of all, or 1 where all are 0. */
export function largestOf(...all: Float32Array[]): number {
  return Math.max(...all.flatMap((values) => [...values].map(Math.abs))) || 1;
}
