import { number, percent } from "../draw/format.ts";
import type { Columns } from "../state/columns.ts";
import { COLUMNS } from "../state/list.ts";
import { latentHref } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Preview } from "../store/dictionary.ts";
import { SNIPPETS } from "../store/schema.gen.ts";
import { Snippet } from "./snippet.tsx";
import { Star } from "./star.tsx";
import { Token } from "./token.tsx";

interface Props {
  /** The latent. */
  index: number;
  /** Its row in the list. */
  at: number;
  columns: Columns;
  preview: Preview | "failed" | null;
  /** What it is said to fire on, which stands in place of its first snippet; "" if nothing is. */
  label: string;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  root: string;
}

/** A latent in the list; a column that has not come yet is left empty. */
export function ListRow({ index, at, columns, preview, label, dictionary, vocabulary, root }: Props) {
  const type = columns.top_token?.[index];
  const dead = columns.density?.[index] === 0;
  return (
    <div class="row" role="row" aria-rowindex={at + 2} style={{ "--at": String(at) }}>
      <span class="c-index" role="cell">
        <a href={latentHref(root, `${dictionary.record.id}/${index}`)}>{index}</a>
        <Star address={`${dictionary.record.id}/${index}`} />
      </span>
      <span class="c-token" role="cell">
        {dead ? <span class="quiet">dead</span> : type !== undefined && <Token type={type} vocabulary={vocabulary} />}
      </span>
      {COLUMNS.map(({ id, share }) => {
        const value = columns[id]?.[index];
        return (
          <span key={id} class={`c-${id}`} role="cell">
            {value !== undefined && (share ? percent : number)(value)}
          </span>
        );
      })}
      {label !== "" && (
        <span class="c-snippet label" role="cell" title={label}>
          {label}
        </span>
      )}
      {Array.from({ length: SNIPPETS }, (_, number) => number).slice(label === "" ? 0 : 1).map((number) => (
        <span key={number} class="c-snippet" role="cell">
          {preview === "failed" ? number === 0 && <span class="quiet">can’t be read</span> : preview && <Snippet {...{ preview, number, vocabulary }} />}
        </span>
      ))}
    </div>
  );
}
