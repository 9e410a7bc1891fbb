import { useEffect, useRef } from "preact/hooks";
import type { Choice, SortKey } from "../state/list.ts";
import type { Columns } from "../state/columns.ts";
import { usePreviews } from "../state/previews.ts";
import { useRowKeys } from "../state/row-keys.ts";
import { useRowWindow } from "../state/window.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary } from "../store/dictionary.ts";
import { ListHead } from "./list-head.tsx";
import { ListRow } from "./list-row.tsx";

interface Props {
  rows: Uint32Array;
  columns: Columns;
  /** Of each latent; empty until they have come. */
  labels: readonly string[];
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  choice: Choice;
  root: string;
  onSort: (key: SortKey) => void;
}

/** Only the rows in sight exist in the page. */
export function LatentList({ rows, columns, labels, dictionary, vocabulary, choice, root, onSort }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const { first, last, row } = useRowWindow(body, rows.length);
  const inSight = rows.subarray(first, last);
  const walk = useRowKeys(body, rows.length, row);
  const previews = usePreviews(dictionary, inSight);
  useEffect(() => body.current?.scrollTo(0, 0), [rows]);
  return (
    <div class="list" role="table" aria-label={`latents of ${dictionary.record.id}`} aria-rowcount={rows.length + 1}>
      <ListHead choice={choice} onSort={onSort} />
      <div class="list-body" ref={body} tabIndex={0} role="rowgroup" onKeyDown={walk}>
        <div class="list-all" role="presentation" style={{ "--rows": String(rows.length) }}>
          {Array.from(inSight, (index, offset) => (
            <ListRow key={index} at={first + offset} preview={previews.get(index) ?? null} label={labels[index] ?? ""} {...{ index, columns, dictionary, vocabulary, root }} />
          ))}
        </div>
        {rows.length === 0 && <p class="quiet empty">No latent fits. Loosen the filter.</p>}
      </div>
    </div>
  );
}
