import { useEffect, useRef } from "preact/hooks";
import { number } from "../draw/format.ts";
import { type Choice, KINDS, type Sort } from "../state/comparison.ts";
import { useRowKeys } from "../state/row-keys.ts";
import { useRowWindow } from "../state/window.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Columns } from "../store/comparison.ts";
import { Token } from "./token.tsx";

/** The tokens that the latents of a dictionary fire on most; null where its atlas is not here. */
export interface TopTokens {
  types: Float32Array | Uint32Array;
  vocabulary: Vocabulary;
}

interface Props {
  rows: Uint32Array;
  columns: Columns;
  choice: Choice;
  own: TopTokens | null;
  other: TopTokens | null;
  /** Where a latent and one of the other dictionary are side by side; null where they can't be. */
  href: (index: number, other: number) => string | null;
  onSort: (sort: Sort) => void;
}

const HEADS: readonly (readonly [Sort | null, string, string])[] = [
  ["index", "latent", "c-index"],
  [null, "top token", "c-token"],
  [null, "became", "c-kind"],
  [null, "nearest", "c-nearest"],
  [null, "its top token", "c-other"],
  ["cosine", "cosine", "c-number"],
  ["correlation", "correlation", "c-number"],
  ["highest", "largest correlation", "c-most"],
];

/** A latent a row: what became of it, the other dictionary's nearest, and how like the two are. Only rows in sight exist. */
export function ComparisonList({ rows, columns, choice, own, other, href, onSort }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const view = useRowWindow(body, rows.length);
  const walk = useRowKeys(body, rows.length, view);
  useEffect(() => body.current?.scrollTo(0, 0), [rows]);
  const head = ([sort, name, place]: (typeof HEADS)[number]) => {
    const order = choice.sort !== sort ? "none" : choice.descending ? "descending" : "ascending";
    return (
      <span key={name} class={place} role="columnheader" aria-sort={sort === null ? undefined : order}>
        {sort === null ? (
          name
        ) : (
          <button type="button" onClick={() => onSort(sort)}>
            {name}
          </button>
        )}
      </span>
    );
  };
  return (
    <div class="compared-list" role="table" aria-label="latents and what became of them" aria-rowcount={rows.length + 1}>
      <div class="compared-row is-head" role="row">
        {HEADS.map(head)}
      </div>
      <div class="compared-body" ref={body} tabIndex={0} role="rowgroup" onKeyDown={walk}>
        <div class="compared-all" role="presentation" style={{ height: `${view.height}px` }}>
          {Array.from(rows.subarray(view.first, view.last), (index, offset) => (
            <Row key={index} at={view.first + offset} y={view.y(view.first + offset)} side={choice.side} {...{ index, columns, own, other, href }} />
          ))}
        </div>
        {rows.length === 0 && <p class="quiet empty">No latent is of this kind.</p>}
      </div>
    </div>
  );
}

interface RowProps extends Pick<Props, "columns" | "own" | "other" | "href"> {
  index: number;
  at: number;
  /** Where it is drawn, in pixels from the top of all. */
  y: number;
  side: Choice["side"];
}

function Row({ index, at, y, side, columns, own, other, href }: RowProps) {
  const nearest = columns.nearest[index] ?? 0;
  const correlated = columns.correlated[index] ?? 0;
  const highest = columns.highest[index] ?? Number.NaN;
  const link = href(index, nearest);
  const type = own?.types[index];
  const near = other?.types[nearest];
  return (
    <div class="compared-row" role="row" aria-rowindex={at + 2} style={{ "--y": `${y}px` }}>
      <span class="c-index" role="cell">
        {link === null ? index : <a href={link}>{index}</a>}
      </span>
      <span class="c-token" role="cell">
        {own && type !== undefined && <Token type={type} vocabulary={own.vocabulary} />}
      </span>
      <span class="c-kind" role="cell">
        {KINDS[side][columns.kind[index] ?? 0]}
      </span>
      <span class="c-nearest" role="cell">
        {nearest}
      </span>
      <span class="c-other" role="cell">
        {other && near !== undefined && <Token type={near} vocabulary={other.vocabulary} />}
      </span>
      <span class="c-number" role="cell">
        {number(columns.cosine[index] ?? Number.NaN)}
      </span>
      <span class="c-number" role="cell">
        {number(columns.correlation[index] ?? Number.NaN)}
      </span>
      <span class="c-most" role="cell">
        {number(highest)}
        {!Number.isNaN(highest) && correlated !== nearest && <Most index={correlated} href={href(index, correlated)} />}
      </span>
    </div>
  );
}

/** Another latent than the nearest that fires most alike. */
function Most({ index, href }: { index: number; href: string | null }) {
  return href === null ? <span class="quiet"> with {index}</span> : <a href={href}> with {index}</a>;
}
