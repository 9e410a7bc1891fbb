import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { number, percent, quoted } from "../draw/format.ts";
import { COLUMNS, type Choice, type Column, type Columns } from "../state/list.ts";
import { latentHref } from "../state/url.ts";
import type { Dictionary, Preview, Vocabulary } from "../store/atlas.ts";
import { Snippets } from "./snippets.tsx";

interface Props {
  rows: Uint32Array;
  columns: Columns;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  choice: Choice;
  root: string;
  onSort: (column: Column["id"] | "index") => void;
}

const SPARE = 4;

/** Only the rows in sight exist in the page; their previews are fetched together. */
export function LatentList({ rows, columns, dictionary, vocabulary, choice, root, onSort }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, row: 44 });
  useLayoutEffect(() => {
    const element = body.current;
    if (element === null) return;
    const measure = () => {
      const row = Number.parseFloat(getComputedStyle(element).getPropertyValue("--row"));
      setView({ top: element.scrollTop, height: element.clientHeight, row });
    };
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    measure();
    return () => {
      watch.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
  useEffect(() => body.current?.scrollTo(0, 0), [rows]);
  const first = Math.max(0, Math.floor(view.top / view.row) - SPARE);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / view.row) + SPARE);
  const heads: { id: Column["id"] | "index"; name: string }[] = [{ id: "index", name: "latent" }, ...COLUMNS];
  return (
    <div class="list" role="table" aria-label={`latents of ${dictionary.record.id}`} aria-rowcount={rows.length + 1}>
      <div class="list-head" role="row">
        {heads.map(({ id, name }) => (
          <span key={id} class={`c-${id}`} role="columnheader" aria-sort={choice.sort !== id ? "none" : choice.descending ? "descending" : "ascending"}>
            <button type="button" onClick={() => onSort(id)}>
              {name}
              <span class="arrow" aria-hidden="true">
                {choice.sort !== id ? "" : choice.descending ? "↓" : "↑"}
              </span>
            </button>
          </span>
        ))}
        <span class="c-token" role="columnheader">
          top token
        </span>
        <span class="c-preview" role="columnheader">
          top · band · random
        </span>
      </div>
      <div class="list-body" ref={body} tabIndex={0} role="rowgroup">
        <div class="list-all" style={{ "--rows": String(rows.length) }}>
          {Array.from(rows.subarray(first, last)).map((index, offset) => (
            <Row key={index} {...{ index, columns, dictionary, vocabulary, root }} at={first + offset} />
          ))}
        </div>
        {rows.length === 0 && <p class="quiet empty">No latent fits. Loosen the filter.</p>}
      </div>
    </div>
  );
}

interface RowProps {
  index: number;
  at: number;
  columns: Columns;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  root: string;
}

function Row({ index, at, columns, dictionary, vocabulary, root }: RowProps) {
  const [preview, setPreview] = useState<Preview | "failed" | null>(null);
  useEffect(() => {
    let wanted = true;
    dictionary.preview(index).then(
      (value) => wanted && setPreview(value),
      () => wanted && setPreview("failed"),
    );
    return () => {
      wanted = false;
    };
  }, [index]);
  const type = columns.top_token[index] ?? 0;
  const dead = (columns.firings[index] ?? 0) === 0;
  return (
    <div class="row" role="row" aria-rowindex={at + 2} style={{ "--at": String(at) }}>
      <span class="c-index" role="cell">
        <a href={latentHref(root, `${dictionary.record.id}/${index}`)}>{index}</a>
      </span>
      {COLUMNS.map((column) => {
        const value = columns[column.id][index] ?? 0;
        return (
          <span key={column.id} class={`c-${column.id}`} role="cell">
            {column.share ? percent(value) : number(value)}
          </span>
        );
      })}
      <span class="c-token token" role="cell">
        {dead ? "dead" : quoted(vocabulary.text[type] ?? "", vocabulary.kind[type] ?? 0)}
      </span>
      <span class="c-preview" role="cell">
        {preview === "failed" ? <span class="quiet">preview can’t be read</span> : preview && <Snippets preview={preview} vocabulary={vocabulary} />}
      </span>
    </div>
  );
}
