import { useEffect, useMemo, useState } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count } from "../draw/format.ts";
import { Failed } from "../parts/failed.tsx";
import { LatentList } from "../parts/latent-list.tsx";
import { Spread } from "../parts/spread.tsx";
import { useKeys } from "../state/keys.ts";
import { COLUMNS, type Choice, type Column, type Columns, choose, readChoice, writeChoice } from "../state/list.ts";
import { useLoadable } from "../state/loadable.ts";
import { useQuery } from "../state/url.ts";
import { Atlas, type Dictionary, type Vocabulary } from "../store/atlas.ts";

interface Loaded {
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  columns: Columns;
}

async function load(base: string, id: string, signal: AbortSignal): Promise<Loaded> {
  const atlas = await Atlas.open(base, signal);
  const dictionary = await atlas.dictionary(id);
  const names = COLUMNS.map((column) => column.id);
  const [vocabulary, topToken, ...stats] = await Promise.all([
    atlas.vocabulary(),
    dictionary.stat("top_token", signal),
    ...names.map((name) => dictionary.stat(name, signal)),
  ]);
  const columns = { ...Object.fromEntries(names.map((name, i) => [name, stats[i]])), top_token: topToken } as Columns;
  return { dictionary, vocabulary, columns };
}

export function DictionaryPage({ config }: { config: SiteConfig }) {
  const id = config.dictionary ?? "";
  const loaded = useLoadable(id, (signal) => load(config.atlas, id, signal));
  if (loaded.state === "failed") return <Failed error={loaded.error} retry={loaded.retry} />;
  if (loaded.state === "loading") return <div class="list skeleton" aria-busy="true" />;
  return <Browser {...loaded.value} config={config} />;
}

function Browser({ dictionary, vocabulary, columns, config }: Loaded & { config: SiteConfig }) {
  const [query, change] = useQuery();
  const choice = readChoice(query);
  const set = (changes: Partial<Choice>) => change(writeChoice({ ...choice, ...changes }), "replace");
  const key = JSON.stringify(choice);
  const rows = useMemo(() => choose(columns, vocabulary, choice), [columns, key]);
  const [text, setText] = useState(choice.token);
  useEffect(() => setText(choice.token), [choice.token]);
  useKeys({ "/": () => document.getElementById("filter-token")?.focus() });
  const sort = (column: Column["id"] | "index") => {
    const same = choice.sort === column;
    set({ sort: column, descending: same ? !choice.descending : column !== "index" });
  };
  return (
    <div class="browser" data-ready={rows.length}>
      <div class="spreads">
        {COLUMNS.filter((column) => column.spread).map((column) => (
          <Spread key={column.id} column={column} values={columns[column.id]} alive={columns.firings} onSort={() => sort(column.id)} />
        ))}
      </div>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          token contains
          <input
            id="filter-token"
            type="text"
            value={text}
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => {
              setText(event.currentTarget.value);
              set({ token: event.currentTarget.value });
            }}
          />
        </label>
        <label>
          density ≥
          <input type="number" min="0" max="100" step="any" value={choice.from ?? ""} onChange={(event) => set({ from: numberOf(event.currentTarget.value) })} />
        </label>
        <label>
          ≤
          <input type="number" min="0" max="100" step="any" value={choice.to ?? ""} onChange={(event) => set({ to: numberOf(event.currentTarget.value) })} /> %
        </label>
        <label class="check">
          <input type="checkbox" checked={choice.dead} onChange={(event) => set({ dead: event.currentTarget.checked })} />
          show dead
        </label>
        <output aria-live="polite">
          {count(rows.length)} of {count(dictionary.record.n_latents)}
        </output>
      </form>
      <LatentList {...{ rows, columns, dictionary, vocabulary, choice }} root={config.root} onSort={sort} />
    </div>
  );
}

function numberOf(text: string): number | null {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}
