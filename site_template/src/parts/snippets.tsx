import { glyphs } from "../draw/format.ts";
import type { Preview, Vocabulary } from "../store/atlas.ts";
import { NO_TOKEN, SNIPPET, SNIPPETS } from "../store/schema.gen.ts";

/** The three snippets of a list row: of the top example, of the middle band, of a random firing. */
export function Snippets({ preview, vocabulary }: { preview: Preview; vocabulary: Vocabulary }) {
  return (
    <>
      {Array.from({ length: SNIPPETS }, (_, snippet) => (
        <span key={snippet} class="strip snippet">
          {cells(preview, snippet, vocabulary)}
        </span>
      ))}
    </>
  );
}

/** Runs of spaces are drawn as one: indentation would push the peak out of a narrow row. */
function cells(preview: Preview, snippet: number, vocabulary: Vocabulary) {
  const tokens = snippet * 2 * SNIPPET;
  return Array.from({ length: SNIPPET }, (_, i) => {
    const heat = preview[tokens + SNIPPET + i] ?? NO_TOKEN;
    if (heat === NO_TOKEN) return null;
    const type = preview[tokens + i] ?? 0;
    const drawn = glyphs(vocabulary.text[type] ?? "", vocabulary.kind[type] ?? 0);
    return (
      <span key={i} class={drawn.faint ? "cell faint" : "cell"} style={{ "--heat": (heat / 255).toFixed(3) }}>
        {drawn.text.replace(/ {2,}/g, " ")}
      </span>
    );
  });
}
