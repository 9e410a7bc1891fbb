import { alone } from "../draw/glyphs.ts";
import type { Found } from "../state/find.ts";
import { useLoadable } from "../state/loadable.ts";
import { greedyTypes, MOST_TOKENS } from "../state/types.ts";
import { tokenHref } from "../state/url.ts";
import { inAll, type Row, TokenIndex } from "../store/tokens.ts";
import { Pane } from "./pane.tsx";
import { UnitList } from "./unit-list.tsx";

const DOCS = ["the lowest cosine of the unit with one of the tokens", "the lowest P(the unit fires at one of the tokens)"] as const;

/** A text as tokens, if it is two or more of them, and the units that fire on each. */
export function Phrase({ found, root }: { found: Found; root: string }) {
  const { query, atlas, vocabulary } = found;
  const types = greedyTypes(query, vocabulary) ?? [];
  const told = types.length > 1 && types.length <= MOST_TOKENS && Boolean(atlas.manifest.token_index);
  const units = useLoadable<Row[]>(query, async () => {
    if (!told) return [];
    const index = await TokenIndex.of(atlas);
    return inAll((await Promise.all(types.map((type) => index.read(type)))).map(({ fires }) => fires));
  });
  if (!told) return null;
  return (
    <Pane name="As tokens" id="phrase">
      <p class="phrase">
        {types.map((type, i) => (
          <a key={i} class="token" href={tokenHref(root, type)}>
            {alone(vocabulary, type)}
          </a>
        ))}
      </p>
      <p class="quiet">Each the longest token of the vocabulary that fits; the model’s own tokenizer may cut it elsewhere.</p>
      {units.state === "failed" && <p role="alert">{units.error.message}.</p>}
      {units.state === "ready" && units.value.length === 0 && <p class="quiet">No unit is among the 32 that fire most on each of them.</p>}
      {units.state === "ready" && units.value.length > 0 && (
        <UnitList rows={units.value} heads={["lowest cosine", "lowest P"]} docs={DOCS} {...{ atlas, vocabulary, root }} />
      )}
    </Pane>
  );
}
