import { useMemo } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count } from "../draw/format.ts";
import { Choice } from "../parts/choice.tsx";
import { ComparisonFigures } from "../parts/comparison-figures.tsx";
import { ComparisonList, type TopTokens } from "../parts/comparison-list.tsx";
import { Failed } from "../parts/failed.tsx";
import { Slow } from "../parts/slow.tsx";
import { choose, countsOf, KINDS, readChoice, type Sort, type Choice as Chosen, writeChoice } from "../state/comparison.ts";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import { compareHref, useQuery } from "../state/url.ts";
import { type Columns, type ComparedSide, type ComparisonConfig, openComparison, readComparison, type SideName } from "../store/comparison.ts";

const SIDES: readonly SideName[] = ["a", "b"];
/** In place of the number of a kind. */
const ALL = -1;

interface Opened {
  columns: Record<SideName, Columns>;
  tokens: Record<SideName, TopTokens | null>;
}

/** Two dictionaries: what became of each latent of the one, and where each of the other comes from. */
export function ComparisonPage({ config }: { config: SiteConfig }) {
  const told = useMemo(readComparison, []);
  const opened = useLoadable(told.store, () => open(config, told));
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  if (opened.state === "loading") {
    return (
      <div class="waits" aria-busy="true">
        <div class="comparison-figures skeleton" />
        <div class="compared-list skeleton" />
        <Slow />
      </div>
    );
  }
  return <Browser {...opened.value} {...{ told, root: config.root }} />;
}

function Browser({ columns, tokens, told, root }: Opened & { told: ComparisonConfig; root: string }) {
  const [query, change] = useQuery();
  const choice = readChoice(query);
  const own = columns[choice.side];
  const other: SideName = choice.side === "a" ? "b" : "a";
  const rows = useMemo(() => choose(own, choice), [JSON.stringify(choice)]);
  const counts = countsOf(own);
  const set = (changes: Partial<Chosen>) => change(writeChoice({ ...choice, ...changes }), "replace");
  const sort = (key: Sort) => set({ sort: key, descending: choice.sort === key ? !choice.descending : key !== "index" });
  const href = (index: number, match: number) => beside(told, root, choice.side === "a" ? [index, match] : [match, index]);
  const kinds = KINDS[choice.side].map((name, kind) => [kind, `${name} ${count(counts[kind] ?? 0)}`] as const);
  return (
    <div data-ready={rows.length}>
      <div class="choices">
        <Choice name="latents of" options={SIDES.map((side) => [side, `${side.toUpperCase()}: ${told[side].id}`])} value={choice.side} onChange={(side) => set({ side, kind: null })} />
        <Choice name="that are" options={[[ALL, `all ${count(own.kind.length)}`], ...kinds]} value={choice.kind ?? ALL} onChange={(kind) => set({ kind: kind === ALL ? null : kind })} />
        <output aria-live="polite">
          {count(rows.length)} of {count(own.kind.length)}
        </output>
      </div>
      <ComparisonFigures columns={own} threshold={told.threshold} correlated={told.correlated} />
      <ComparisonList columns={own} own={tokens[choice.side]} other={tokens[other]} {...{ rows, choice, href }} onSort={sort} />
    </div>
  );
}

async function open({ atlas, root }: SiteConfig, told: ComparisonConfig): Promise<Opened> {
  const [columns, a, b] = await Promise.all([openComparison(told.store), topTokens(atlas, root, told.a), topTokens(atlas, root, told.b)]);
  return { columns, tokens: { a, b } };
}

async function topTokens(own: string, root: string, side: ComparedSide): Promise<TopTokens | null> {
  if (side.atlas === null) return null;
  const atlas = await openAtlas(side.atlas === "" ? own : `${root}${side.atlas}`);
  const [dictionary, vocabulary] = await Promise.all([atlas.dictionary(side.id), atlas.vocabulary()]);
  return { types: await dictionary.stat("top_token"), vocabulary };
}

/** Where two latents are side by side: nowhere if the atlas of either is not here. */
function beside({ a, b }: ComparisonConfig, root: string, [i, j]: [number, number]): string | null {
  if (a.atlas === null || b.atlas === null) return null;
  return compareHref(root, `${a.id}/${i}`, `${b.id}/${j}`, { atlas_a: a.atlas, atlas_b: b.atlas });
}
