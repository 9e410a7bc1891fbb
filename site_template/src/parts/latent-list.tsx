import { useEffect, useRef } from "preact/hooks";
import type { Columns } from "../state/columns.ts";
import { useInSight } from "../state/in-sight.ts";
import { type Choice, isFiltered, type SortKey, shownColumns } from "../state/list.ts";
import { useRowKeys } from "../state/row-keys.ts";
import { useRowWindow } from "../state/window.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary } from "../store/dictionary.ts";
import { ListHead } from "./list-head.tsx";
import { ListRow } from "./list-row.tsx";

interface Props {
  rows: Uint32Array;
  columns: Columns;
  dictionary: Dictionary;
  vocabulary: Vocabulary | null;
  choice: Choice;
  /** Whether more rows may come. */
  busy: boolean;
  root: string;
  onSort: (key: SortKey) => void;
  onShowDead: () => void;
}

/** Only the rows in sight exist in the page. */
export function LatentList({ rows, columns, dictionary, vocabulary, choice, busy, root, onSort, onShowDead }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const view = useRowWindow(body, rows.length);
  const inSight = rows.subarray(view.first, view.last);
  const walk = useRowKeys(body, rows.length, view);
  const previews = useInSight(inSight, (index) => dictionary.preview(index));
  const labels = useInSight(inSight, (index) => dictionary.bestLabel(index));
  const labelOf = (index: number) => (dictionary.labelled ? labels.get(index) : "");
  const shown = shownColumns(choice);
  const empty = rows.length === 0 && !busy;
  const allDead = empty && !isFiltered(choice);
  useEffect(() => body.current?.scrollTo(body.current.scrollLeft, 0), [rows]);
  return (
    <div class="list" role="table" aria-label={`latents of ${dictionary.record.id}`} aria-rowcount={rows.length + 1} style={{ "--n": String(shown.length) }}>
      <div class="list-body" ref={body} tabIndex={0} role="rowgroup" onKeyDown={walk}>
        <ListHead columns={shown} {...{ choice, onSort }} />
        <div class="list-all" role="presentation" style={{ height: `${view.height}px` }}>
          {Array.from(inSight, (index, offset) => (
            <ListRow
              key={index}
              at={view.first + offset}
              y={view.y(view.first + offset)}
              preview={previews.get(index)}
              label={labelOf(index)}
              {...{ index, choice, shown, columns, dictionary, vocabulary, root }}
            />
          ))}
        </div>
        {allDead && (
          <p class="quiet empty">
            None of these latents ever fired. <button type="button" onClick={onShowDead}>Show them</button>
          </p>
        )}
        {empty && !allDead && <p class="quiet empty">No latent fits. Loosen the filter.</p>}
      </div>
    </div>
  );
}
