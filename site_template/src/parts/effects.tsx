import { number } from "../draw/format.ts";
import type { Latent, Vocabulary } from "../store/atlas.ts";
import { Token } from "./token.tsx";

/** What a unit of activation adds to the logits: the most promoted and the most suppressed tokens. */
export function Effects({ latent, vocabulary, writes }: { latent: Latent; vocabulary: Vocabulary; writes: boolean }) {
  if (!writes) return <p class="quiet">It writes nothing to the residual stream, so it has no direct effect on the logits.</p>;
  const values = [...latent.floats.promoted_value, ...latent.floats.suppressed_value];
  const largest = Math.max(...values.map(Math.abs));
  return (
    <div class="effects">
      <Side title="promotes" types={latent.ints.promoted_token} values={latent.floats.promoted_value} largest={largest} vocabulary={vocabulary} />
      <Side title="suppresses" types={latent.ints.suppressed_token} values={latent.floats.suppressed_value} largest={largest} vocabulary={vocabulary} />
    </div>
  );
}

interface SideProps {
  title: string;
  types: Uint32Array;
  values: Float32Array;
  largest: number;
  vocabulary: Vocabulary;
}

function Side({ title, types, values, largest, vocabulary }: SideProps) {
  return (
    <div>
      <h3>{title}</h3>
      <ol class="bars">
        {[...types].map((type, i) => {
          const value = values[i] ?? 0;
          const width = largest > 0 ? Math.abs(value) / largest : 0;
          return (
            <li key={type} class={value < 0 ? "below" : ""} style={{ "--width": width.toFixed(3) }}>
              <Token type={type} vocabulary={vocabulary} />
              <span class="value">{number(value)}</span>
            </li>
          );
        })}
      </ol>
    </div>
  );
}
