import type { Vocabulary } from "../store/atlas.ts";
import type { Latent } from "../store/dictionary.ts";
import { EffectHistogram } from "./effect-histogram.tsx";
import { largestOf, TokenBars } from "./token-bars.tsx";

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
  const largest = largestOf(up, down);
  return (
    <>
      <div class="effects">
        <TokenBars name="promotes" types={latent.ints.promoted_token} values={up} {...{ largest, vocabulary, root }} />
        <TokenBars name="suppresses" types={latent.ints.suppressed_token} values={down} {...{ largest, vocabulary, root }} />
      </div>
      <EffectHistogram latent={latent} />
    </>
  );
}
