import { number, percent } from "../draw/format.ts";
import { type Letter, type Shown, sameDictionary, sameKind } from "../state/compare.ts";
import type { Opened } from "../state/opened.ts";
import type { IntField, FloatField } from "../store/schema.gen.ts";
import { CompareExamples } from "./compare-examples.tsx";
import { CompareHistogram } from "./compare-histogram.tsx";
import { CompareRelation } from "./compare-relation.tsx";
import { CompareStatistics } from "./compare-statistics.tsx";
import { CompareTokens } from "./compare-tokens.tsx";
import { Pane } from "./pane.tsx";

interface Props {
  sides: Record<Letter, Shown>;
  root: string;
  show: string;
  onShow: (id: string) => void;
}

/** Everything about two latents, side by side. */
export function CompareView({ sides, root, show, onShow }: Props) {
  const { opened: a } = sides.a;
  const { opened: b } = sides.b;
  const writes = a.dictionary.writes && b.dictionary.writes;
  return (
    <>
      <Notice a={a} b={b} />
      <div class="two">
        <Pane name="Statistics" id="compare-statistics">
          <CompareStatistics {...{ a, b, root }} />
        </Pane>
        <div class="column">
          <Pane name="Activations" id="compare-activations">
            <CompareHistogram a={a.latent} b={b.latent} />
          </Pane>
          <Pane name="How alike" id="compare-relation">
            <CompareRelation {...{ a, b }} />
          </Pane>
        </div>
      </div>
      <Pane name="Examples" id="compare-examples">
        <CompareExamples {...{ sides, show, root, onShow }} />
      </Pane>
      <div class="three">
        <Pane name="Fires on" id="compare-fires-on">
          <CompareTokens a={firesOn(a)} b={firesOn(b)} what="share of the latent’s firings" show={percent} none="Of neither a token type is told that is common enough." />
        </Pane>
        <Pane name="Promotes" id="compare-promotes">
          {writes ? <CompareTokens a={effects(a, "promoted")} b={effects(b, "promoted")} what="logits per unit of activation" show={number} none="" /> : <NoEffect />}
        </Pane>
        <Pane name="Suppresses" id="compare-suppresses">
          {writes ? <CompareTokens a={effects(a, "suppressed")} b={effects(b, "suppressed")} what="logits per unit of activation" show={number} none="" /> : <NoEffect />}
        </Pane>
      </div>
    </>
  );
}

/** What to bear in mind where the two are not of one dictionary, or are one and the same. */
function Notice({ a, b }: { a: Opened; b: Opened }) {
  if (sameDictionary(a, b)) return a.latent.index === b.latent.index ? <p class="notice">A and B are the same latent: give another address.</p> : null;
  const other = a.atlas === b.atlas ? "" : `, and of another atlas, ${b.atlas.manifest.title}`;
  const kinds = sameKind(a.dictionary, b.dictionary) ? "" : " One is a neuron, whose activations have two signs, the other a latent.";
  return (
    <p class="notice">
      B is of another dictionary{other}: densities and tokens compare, the size of activations need not.{kinds}
    </p>
  );
}

function NoEffect() {
  return <p class="quiet">Not both write to the residual stream: there are no two effects on the logits to compare.</p>;
}

function firesOn({ latent, vocabulary }: Opened) {
  const rows = [...latent.ints.fires_on_count.keys()].filter((row) => (latent.ints.fires_on_count[row] ?? 0) > 0);
  return { types: rows.map((row) => latent.ints.fires_on_token[row] ?? 0), values: rows.map((row) => latent.floats.fires_on_share[row] ?? 0), vocabulary };
}

function effects({ latent, vocabulary }: Opened, side: "promoted" | "suppressed") {
  const token: IntField = `${side}_token`;
  const value: FloatField = `${side}_value`;
  return { types: [...latent.ints[token]], values: [...latent.floats[value]], vocabulary };
}
