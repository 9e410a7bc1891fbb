import { number, percent } from "../draw/format.ts";
import type { Columns } from "../state/columns.ts";
import type { Choice, Column, Statistic } from "../state/list.ts";
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
  /** Where that is, in pixels from the first row. */
  y: number;
  choice: Choice;
  shown: readonly Column[];
  columns: Columns;
  preview: Preview | "failed" | undefined;
  /** What it is said to fire on, which stands in place of its first snippet; "" if nothing is. */
  label: string | undefined;
  dictionary: Dictionary;
  vocabulary: Vocabulary | null;
  root: string;
}

/** A latent in the list; what has not come yet is left empty. */
export function ListRow({ index, at, y, choice, shown, columns, preview, label, dictionary, vocabulary, root }: Props) {
  const type = columns.top_token?.[index];
  const dead = columns.density?.[index] === 0;
  const snippet = (which: number) => {
    if (preview === "failed") return which === 0 && <span class="quiet">can’t be read</span>;
    return preview && vocabulary && <Snippet {...{ preview, number: which, vocabulary }} />;
  };
  return (
    <div class="row" role="row" aria-rowindex={at + 2} style={{ "--y": `${y}px` }}>
      <span class="c-index" role="cell">
        <a href={latentHref(root, `${dictionary.record.id}/${index}`)}>{index}</a>
        <Star address={`${dictionary.record.id}/${index}`} />
      </span>
      <span class="c-token" role="cell">
        {dead ? <span class="quiet">dead</span> : type !== undefined && vocabulary && <Token type={type} vocabulary={vocabulary} />}
      </span>
      {shown.map(({ id, share }) => {
        const value = columns[id]?.[index];
        return (
          <span key={id} class={statClass(id, choice, shown)} role="cell">
            {value !== undefined && (share ? percent : number)(value)}
          </span>
        );
      })}
      {Array.from({ length: SNIPPETS }, (_, which) =>
        which === 0 && label !== "" ? (
          <span key={which} class="c-snippet label" role="cell" title={label}>
            {label}
          </span>
        ) : (
          <span key={which} class="c-snippet" role="cell">
            {snippet(which)}
          </span>
        ),
      )}
    </div>
  );
}

/** On a phone two statistics have room: that of the order, and the first other one. */
export function statClass(id: Statistic, { sort }: Choice, shown: readonly Column[]): string {
  const first = shown.find((column) => column.id !== sort)?.id;
  return id === sort || id === first ? "c-stat is-first" : "c-stat";
}
