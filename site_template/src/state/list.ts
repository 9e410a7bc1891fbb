/** What a list shows, and in which order. It lives in the URL. */
import type { Stat } from "../store/schema.gen.ts";
import { bound, EVERYTHING, formatRange, parseRange, type Range } from "./ranges.ts";

/** A column of the list: a statistic of the store. */
export type Statistic = Exclude<Stat, "top_token">;

export interface Column {
  id: Statistic;
  name: string;
  /** For the head of a narrow column. */
  short?: string;
  share?: boolean;
  /** Spread over all of 0 to 1: its axis is never logarithmic. */
  linear?: boolean;
}

export const COLUMNS: readonly Column[] = [
  { id: "density", name: "density", share: true },
  { id: "firings", name: "firings" },
  { id: "max", name: "max" },
  { id: "min", name: "min" },
  { id: "mean", name: "mean" },
  { id: "mean_firing", name: "mean when firing", short: "mean firing" },
  { id: "variance", name: "variance" },
  { id: "skew", name: "skew" },
  { id: "kurtosis", name: "kurtosis" },
  { id: "concentration", name: "concentration", short: "conc.", share: true, linear: true },
];

/** What a list may be sorted by: a column, or the dictionary's own order. */
export type SortKey = Statistic | "index";

export interface Choice {
  sort: SortKey;
  descending: boolean;
  columns: readonly Statistic[];
  /** Text that the top token contains. */
  token: string;
  /** Text that the label contains. */
  label: string;
  index: Range;
  /** Of the statistics that are bounded. */
  ranges: Partial<Record<Statistic, Range>>;
  dead: boolean;
}

const SORT: SortKey = "concentration";
const SHOWN: readonly Statistic[] = ["density", "max", "mean_firing", "skew", "concentration"];

/** What a choice without filters has in their place. */
export const UNFILTERED = { token: "", label: "", index: EVERYTHING, ranges: {}, dead: false };

export function readChoice(query: URLSearchParams): Choice {
  const sort = query.get("sort");
  const named = query.get("columns")?.split(/[ ,]+/);
  const ranges: Choice["ranges"] = {};
  for (const { id } of COLUMNS) {
    const range = parseRange(query.get(id));
    if (formatRange(range) !== null) ranges[id] = range;
  }
  return {
    sort: sort === "index" ? "index" : (COLUMNS.find(({ id }) => id === sort)?.id ?? SORT),
    descending: query.get("order") !== "up",
    columns: named === undefined ? SHOWN : inOrder((id) => named.includes(id)),
    token: query.get("token") ?? "",
    label: query.get("label") ?? "",
    index: parseRange(query.get("index")),
    ranges,
    dead: query.get("dead") === "1",
  };
}

/** The query of a choice; what is at its default is null, that is, left out. */
export function writeChoice(choice: Choice): Record<string, string | null> {
  const columns = choice.columns.join(" "); // a plus in the URL
  return {
    sort: choice.sort === SORT ? null : choice.sort,
    order: choice.descending ? null : "up",
    columns: columns === SHOWN.join(" ") ? null : columns,
    token: choice.token === "" ? null : choice.token,
    label: choice.label === "" ? null : choice.label,
    index: formatRange(choice.index),
    dead: choice.dead ? "1" : null,
    ...Object.fromEntries(COLUMNS.map(({ id }) => [id, formatRange(choice.ranges[id] ?? EVERYTHING)])),
  };
}

/** The columns to draw: those that were chosen, that it is sorted by, and that are bounded. */
export function shownColumns({ columns, sort, ranges }: Choice): readonly Column[] {
  return COLUMNS.filter(({ id }) => columns.includes(id) || sort === id || ranges[id] !== undefined);
}

/** Adds a column, or removes it with its range and the order by it. */
export function toggled(choice: Choice, id: Statistic): Partial<Choice> {
  if (!shownColumns(choice).some((column) => column.id === id)) return { columns: inOrder((other) => other === id || choice.columns.includes(other)) };
  const { [id]: _, ...ranges } = choice.ranges;
  const order = choice.sort === id ? { sort: "index" as const, descending: false } : {};
  return { columns: choice.columns.filter((other) => other !== id), ranges, ...order };
}

/** Whether it leaves out more than the dead. */
export function isFiltered({ token, label, index, ranges }: Choice): boolean {
  return token !== "" || label !== "" || formatRange(index) !== null || Object.keys(ranges).length > 0;
}

/** Columns without which the choice can't be made. */
export function needed({ sort, token, ranges }: Choice): Stat[] {
  const names = [...(sort === "index" ? [] : [sort]), "density", ...Object.keys(ranges), ...(token === "" ? [] : ["top_token"])];
  return [...new Set(names as Stat[])];
}

/** A range with one end replaced by what somebody typed. */
export function withEnd(range: Range, end: "low" | "high", text: string): Range {
  return { ...range, [end]: bound(text) };
}

function inOrder(wanted: (id: Statistic) => boolean): Statistic[] {
  return COLUMNS.map(({ id }) => id).filter(wanted);
}
