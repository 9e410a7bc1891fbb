import { number } from "../draw/format.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Latent } from "../store/dictionary.ts";
import { EffectHistogram } from "./effect-histogram.tsx";
import { Token } from "./token.tsx";

interface Props {
  latent: Latent;
  vocabulary: Vocabulary;
  writes: boolean;
  root: string;
}

/** What a unit of activation adds to the logits: to which tokens most, to which least, and to all. */
export function Effects({ latent, vocabulary, writes, root }: Props) {
  if (!writes) return <p class="quiet">It writes nothing to the residual stream, so it has no direct effect on the logits.</p>;
  const { promoted_value: up, suppressed_value: down } = latent.floats;
  const largest = Math.max(...[...up, ...down].map(Math.abs)) || 1;
  const side = (name: string, types: Uint32Array, values: Float32Array) => (
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
  return (
    <>
      <div class="effects">
        {side("promotes", latent.ints.promoted_token, up)}
        {side("suppresses", latent.ints.suppressed_token, down)}
      </div>
      <EffectHistogram latent={latent} />
    </>
  );
}
