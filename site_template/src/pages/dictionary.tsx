import { useState } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { colouringOf } from "../map/colouring.ts";
import { LazyMap, WaitingMap } from "../map/lazy-map.tsx";
import { useSelection } from "../map/selection.ts";
import { ViewSwitch } from "../map/view-switch.tsx";
import { Failed } from "../parts/failed.tsx";
import { Filters } from "../parts/filters.tsx";
import { Help } from "../parts/help.tsx";
import { LatentList } from "../parts/latent-list.tsx";
import { Slow } from "../parts/slow.tsx";
import { Spread } from "../parts/spread.tsx";
import { type Listed, useBrowsed } from "../state/browse.ts";
import { useKeys } from "../state/keys.ts";
import { type Choice, readChoice, type SortKey, type Statistic, shownColumns, toggled, writeChoice } from "../state/list.ts";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import { EVERYTHING, formatRange, type Range } from "../state/ranges.ts";
import { latentHref, useQuery } from "../state/url.ts";

const KEYS: readonly [string, string][] = [
  ["/, Ctrl-K", "search"],
  ["f", "filter by token"],
  ["↑ ↓", "move along the list"],
  ["Page Up, Page Down", "by what is in sight"],
  ["Home, End", "to its first row, its last"],
  ["Enter", "open the latent"],
  ["← →", "on a histogram: move an edge of its range"],
  ["r", "a random latent of the list"],
];

async function open(base: string, id: string): Promise<Listed> {
  const atlas = await openAtlas(base);
  const dictionary = await atlas.dictionary(id);
  // The map's 4 bytes a latent are longest on their way. It asks for them too, and tells a failure.
  if (dictionary.mapped && new URLSearchParams(location.search).get("view") === "map") dictionary.layout().catch(() => undefined);
  return { atlas, dictionary };
}

/** A dictionary: how its statistics are spread, and the list of its latents. */
export function DictionaryPage({ config }: { config: SiteConfig }) {
  const id = config.dictionary ?? "";
  const opened = useLoadable(id, () => open(config.atlas, id));
  const listed = opened.state === "ready" ? opened.value : null;
  const [query, change] = useQuery();
  // A range that is being dragged; the URL learns of it in the end.
  const [dragged, setDragged] = useState<Choice["ranges"] | null>(null);
  const settled = readChoice(query);
  const choice = dragged === null ? settled : { ...settled, ranges: dragged };
  const dictionary = listed?.dictionary ?? null;
  const map = dictionary?.mapped === true && query.get("view") === "map";
  const { selection, error: unplaced } = useSelection(dictionary, query.get("lasso"), map);
  const coloured = map ? ["density", colouringOf(query).id] as const : [];
  const { rows, settled: current, columns, vocabulary, labelsRead, histogram, error, retry } = useBrowsed(listed, map ? { ...choice, sort: "index" } : choice, selection, coloured); // points have no order
  const n = dictionary?.record.n_latents ?? 0;
  const set = (changes: Partial<Choice>) => change(writeChoice({ ...settled, ...changes }), "replace");
  const sort = (by: SortKey) => set({ sort: by, descending: choice.sort === by ? !choice.descending : by !== "index" });
  const bound = (by: Statistic, range: Range, done: boolean) => {
    const { [by]: _, ...others } = settled.ranges;
    const ranges = formatRange(range) === null ? others : { ...others, [by]: range };
    setDragged(done ? null : ranges);
    if (done) set({ ranges });
  };
  useKeys({
    f: () => document.getElementById("filter-token")?.focus(),
    r: () => {
      if (rows?.length) location.href = latentHref(config.root, `${id}/${rows[Math.floor(Math.random() * rows.length)]}`);
    },
  });
  const failed = error ?? unplaced;
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  return (
    <div class="browser" data-ready={current ? rows?.length : undefined} aria-busy={!current}>
      <div class="browser-head">
        <div class="spreads" role="group" aria-label="statistics">
          {shownColumns(choice).map((column) => (
            <Spread
              key={column.id}
              column={column}
              histogram={histogram(column)}
              range={choice.ranges[column.id] ?? EVERYTHING}
              order={choice.sort !== column.id ? "none" : choice.descending ? "descending" : "ascending"}
              onSort={() => sort(column.id)}
              onRange={(range, done) => bound(column.id, range, done)}
            />
          ))}
        </div>
        <Help keys={KEYS} />
      </div>
      <Filters
        labelled={dictionary?.labelled ?? false}
        shown={rows?.length ?? null}
        all={n}
        onChange={set}
        onToggle={(by) => set(toggled(choice, by))}
        {...{ choice, labelsRead }}
      />
      {dictionary?.mapped && <ViewSwitch map={map} selected={selection && rows ? rows.length : null} change={change} />}
      {failed && <Failed error={failed} retry={retry} />}
      {map ? (
        rows && vocabulary ? <LazyMap root={config.root} {...{ rows, columns, dictionary, vocabulary, query, change }} /> : failed === null && <WaitingMap />
      ) : rows && dictionary ? (
        <LatentList dictionary={dictionary} root={config.root} onSort={sort} onShowDead={() => set({ dead: true })} busy={!current} {...{ rows, columns, vocabulary, choice }} />
      ) : (
        failed === null && <Waiting />
      )}
    </div>
  );
}

function Waiting() {
  return (
    <div class="waits">
      <div class="list skeleton" />
      <Slow />
    </div>
  );
}
