import { useMemo } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { Failed } from "../parts/failed.tsx";
import { Filters } from "../parts/filters.tsx";
import { Help } from "../parts/help.tsx";
import { LatentList } from "../parts/latent-list.tsx";
import { Slow } from "../parts/slow.tsx";
import { Spread } from "../parts/spread.tsx";
import { useColumns } from "../state/columns.ts";
import { useKeys } from "../state/keys.ts";
import { useLabels } from "../state/labels.ts";
import { COLUMNS, type Choice, choose, needed, readChoice, type SortKey, writeChoice } from "../state/list.ts";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import { latentHref, useQuery } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary } from "../store/dictionary.ts";
import type { Stat } from "../store/schema.gen.ts";

interface Opened {
  dictionary: Dictionary;
  vocabulary: Vocabulary;
}

const KEYS: readonly [string, string][] = [
  ["/", "filter by token"],
  ["↑ ↓", "move along the list"],
  ["Enter", "open the latent"],
  ["r", "a random latent of the list"],
];

async function open(base: string, id: string): Promise<Opened> {
  const atlas = await openAtlas(base);
  const [dictionary, vocabulary] = await Promise.all([atlas.dictionary(id), atlas.vocabulary()]);
  return { dictionary, vocabulary };
}

export function DictionaryPage({ config }: { config: SiteConfig }) {
  const id = config.dictionary ?? "";
  const opened = useLoadable(id, () => open(config.atlas, id));
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  if (opened.state === "loading") return <Skeleton />;
  return <Browser {...opened.value} root={config.root} />;
}

function Browser({ dictionary, vocabulary, root }: Opened & { root: string }) {
  const [query, change] = useQuery();
  const choice = readChoice(query);
  const order = useMemo(() => [...new Set<Stat>([...needed(choice), "top_token", ...COLUMNS.map(({ id }) => id)])], []);
  const { columns, error, retry } = useColumns(dictionary, order);
  const { labels, error: unlabelled } = useLabels(dictionary);
  const ready = needed(choice).every((name) => columns[name] !== undefined) && (choice.label === "" || labels !== undefined);
  const n = dictionary.record.n_latents;
  const key = JSON.stringify(choice);
  const rows = useMemo(() => (ready ? choose(columns, vocabulary, labels ?? [], choice, n) : null), [ready, key]);
  const set = (changes: Partial<Choice>) => change(writeChoice({ ...choice, ...changes }), "replace");
  const sort = (id: SortKey) => set({ sort: id, descending: choice.sort === id ? !choice.descending : id !== "index" });
  useKeys({
    "/": () => document.getElementById("filter-token")?.focus(),
    r: () => {
      if (rows?.length) location.href = latentHref(root, `${dictionary.record.id}/${rows[Math.floor(Math.random() * rows.length)]}`);
    },
  });
  const failed = error ?? (choice.label === "" ? null : unlabelled);
  if (failed !== null) return <Failed error={failed} retry={retry} />;
  if (rows === null) return <Skeleton />;
  return (
    <div class="browser" data-ready={rows.length}>
      <div class="spreads">
        {COLUMNS.filter((column) => column.spread).map((column) => (
          <Spread
            key={column.id}
            column={column}
            values={columns[column.id] ?? new Float32Array()}
            density={columns.density ?? new Float32Array()}
            sorted={choice.sort === column.id}
            onSort={() => sort(column.id)}
          />
        ))}
        <Help keys={KEYS} />
      </div>
      <Filters choice={choice} labelled={dictionary.labelled} shown={rows.length} all={n} onChange={set} />
      <LatentList labels={labels ?? []} {...{ rows, columns, dictionary, vocabulary, choice, root }} onSort={sort} />
    </div>
  );
}

function Skeleton() {
  return (
    <div class="browser waits" aria-busy="true">
      <div class="spreads skeleton" />
      <div class="filters skeleton" />
      <div class="list skeleton" />
      <Slow />
    </div>
  );
}
