import { useEffect, useMemo, useState } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { score } from "../draw/format.ts";
import { AxisChoice } from "../parts/axis-choice.tsx";
import { FinderCard } from "../parts/finder-card.tsx";
import { Layers } from "../parts/layers.tsx";
import { Scatter, type Spot, spotsOf } from "../parts/scatter.tsx";
import { axisOf, canBeLog, type Found, readTable } from "../state/finder.ts";
import { useQuery } from "../state/url.ts";

const DEFAULT = { x: "random_prev_token_score", y: "random_induction_score" };

/** The head finder: any two scores of all heads against each other, above the table that holds them. */
export function FinderPage(_: { config: SiteConfig }) {
  const found = useMemo(() => {
    const table = document.querySelector<HTMLTableElement>("table.heads");
    return table && readTable(table);
  }, []);
  return found && <Finder found={found} />;
}

function Finder({ found }: { found: Found }) {
  const { metrics, heads, layers } = found;
  const [query, change] = useQuery();
  const [at, point] = useState<number | null>(null);
  const chosen = (axis: "x" | "y") => {
    const asked = metrics.findIndex(({ id }) => id === query.get(axis));
    return asked < 0 ? Math.max(0, metrics.findIndex(({ id }) => id === DEFAULT[axis])) : asked;
  };
  const [x, y] = [chosen("x"), chosen("y")];
  const logs = (query.get("log") ?? "").split(",");
  const asked = query.get("layer");
  const layer = layers.find((each) => String(each) === asked) ?? null;
  const shown = useMemo(() => heads.flatMap((head, i) => (layer === null || head.layer === layer ? [i] : [])), [layer]);
  const column = (i: number) => heads.map(({ values }) => values[i] ?? 0);
  const axes = { x: axisOf(column(x), logs.includes("x")), y: axisOf(column(y), logs.includes("y")) };
  const spots = spotsOf(heads, shown, [x, axes.x], [y, axes.y]);
  const here = spots.find(({ index }) => index === at);
  const head = here?.head;
  useTable(found, layer, at, point);
  const setLog = (axis: "x" | "y", log: boolean) => {
    const kept = logs.filter((each) => each !== axis && each !== "");
    change({ log: [...kept, ...(log ? [axis] : [])].sort().join(",") || null }, "replace");
  };
  const walk = (key: string) => {
    const next = stepFrom(spots, here, key);
    if (next === null) return false;
    point(next);
    return true;
  };
  const choice = (axis: "x" | "y", i: number) => {
    const metric = metrics[i];
    const log = canBeLog(column(i)) ? (on: boolean) => setLog(axis, on) : undefined;
    return metric && <AxisChoice {...{ axis, metrics }} chosen={metric} log={log !== undefined && logs.includes(axis)} onLog={log} onChoose={(id) => change({ [axis]: id === DEFAULT[axis] ? null : id }, "replace")} />;
  };
  const where = head ? `at ${head.address}: ${score(head.values[x] ?? 0)} across, ${score(head.values[y] ?? 0)} up` : "at none yet";
  return (
    <section class="finder-view" aria-label="head finder" data-ready={spots.length}>
      <div class="finder-choices">
        {choice("x", x)}
        {choice("y", y)}
        <Layers {...{ layers, layer }} shade={shadeOf(layers)} onChoose={(next) => change({ layer: next === null ? null : String(next) }, "replace")} />
      </div>
      <FinderCard {...{ head, metrics, x, y }} />
      <figure>
        <Scatter
          {...{ spots, axes }}
          at={here}
          names={{ x: metrics[x]?.name ?? "", y: metrics[y]?.name ?? "" }}
          label={`${spots.length} heads, ${metrics[x]?.name} across and ${metrics[y]?.name} up; ${where}; left and right walk by the first, up and down by the second, Enter opens`}
          shade={shadeOf(layers)}
          onPoint={point}
          onOpen={(spot) => location.assign(spot.head.href)}
          onWalk={walk}
        />
        <figcaption class="quiet">
          A point is a head, coloured by its layer, whose number stands beside the points near the one pointed at. All numbers are in the table below.
          {axes.x.below + axes.y.below > 0 && " Scores too small for a logarithm are drawn at the beginning of their axis."}
        </figcaption>
      </figure>
    </section>
  );
}

/** Share of the colour ramp: the first layer has its beginning, the last its end. */
function shadeOf(layers: readonly number[]): (layer: number) => number {
  const last = Math.max(1, layers.length - 1);
  return (layer) => layers.indexOf(layer) / last;
}

/** Right and left go along the points by x, up and down by y; null for any other key. */
function stepFrom(spots: readonly Spot[], here: Spot | undefined, key: string): number | null {
  const by = { ArrowRight: "x", ArrowLeft: "x", ArrowUp: "y", ArrowDown: "y", Home: "x", End: "x" }[key] as "x" | "y" | undefined;
  if (by === undefined || spots.length === 0) return null;
  // The y of the drawing runs downwards; ties keep the order of the heads, so that every point is reached.
  const along = (spot: Spot) => (by === "x" ? spot.x : -spot.y);
  const order = [...spots].sort((a, b) => along(a) - along(b) || a.index - b.index);
  const from = order.findIndex(({ index }) => index === here?.index);
  const goals: Record<string, number> = { Home: 0, End: order.length - 1, ArrowRight: from + 1, ArrowUp: from + 1, ArrowLeft: from - 1, ArrowDown: from - 1 };
  const goal = Math.max(0, Math.min(order.length - 1, goals[key] ?? 0));
  return order[goal]?.index ?? null;
}

/** The table follows: rows of other layers are hidden, and the row of the head pointed at is marked, both ways. */
function useTable({ heads }: Found, layer: number | null, at: number | null, point: (index: number | null) => void): void {
  useEffect(() => {
    for (const head of heads) head.row.hidden = layer !== null && head.layer !== layer;
  }, [layer]);
  useEffect(() => {
    const row = at === null ? undefined : heads[at]?.row;
    row?.classList.add("is-pointed");
    if (row && !row.matches(":hover, :focus-within")) scrollTo(row);
    return () => row?.classList.remove("is-pointed");
  }, [at]);
  useEffect(() => {
    const body = heads[0]?.row.parentElement;
    const follow = (event: Event) => {
      const row = event.target instanceof Element ? event.target.closest("tr") : null;
      const index = heads.findIndex((head) => head.row === row);
      if (index >= 0) point(index);
    };
    body?.addEventListener("pointerover", follow);
    body?.addEventListener("focusin", follow);
    return () => {
      body?.removeEventListener("pointerover", follow);
      body?.removeEventListener("focusin", follow);
    };
  }, []);
}

/** Brings a row into sight inside its own scrolling box; the page stays where it is. */
function scrollTo(row: HTMLElement): void {
  const box = row.closest(".scroll");
  if (!box) return;
  const top = row.offsetTop - (row.closest("table")?.tHead?.offsetHeight ?? 0);
  const low = row.offsetTop + row.offsetHeight - box.clientHeight;
  if (box.scrollTop > top || box.scrollTop < low) box.scrollTo(box.scrollLeft, top);
}
