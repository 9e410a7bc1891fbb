/** Which latents a list shows, and in which order: pure functions on columns. */
import { textOf } from "../draw/glyphs.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Stat } from "../store/schema.gen.ts";
import type { Columns } from "./columns.ts";

/** A column of the list: a statistic of the store. */
export interface Column {
  id: Stat;
  name: string;
  share: boolean;
  /** Drawn as a small histogram above the list, on this scale. */
  spread?: "log" | "linear";
}

export const COLUMNS: readonly Column[] = [
  { id: "density", name: "density", share: true, spread: "log" },
  { id: "max", name: "max", share: false, spread: "log" },
  { id: "mean_firing", name: "mean firing", share: false },
  { id: "concentration", name: "conc.", share: true, spread: "linear" },
  { id: "skew", name: "skew", share: false },
  { id: "kurtosis", name: "kurtosis", share: false },
  { id: "firings", name: "firings", share: false },
];

/** What a list may be sorted by: a column, or the dictionary's own order. */
export type SortKey = Stat | "index";

/** What the list shows. It lives in the URL. */
export interface Choice {
  sort: SortKey;
  descending: boolean;
  /** Text that the top token contains. */
  token: string;
  /** Text that the label contains. */
  label: string;
  /** Bounds of the index and of the density (in percent). */
  first: number | null;
  last: number | null;
  from: number | null;
  to: number | null;
  dead: boolean;
}

const SORT: SortKey = "concentration";

export function readChoice(query: URLSearchParams): Choice {
  const sort = query.get("sort");
  const bound = (name: string) => {
    const text = query.get(name);
    return text === null || text === "" || !Number.isFinite(Number(text)) ? null : Number(text);
  };
  return {
    sort: sort === "index" ? "index" : (COLUMNS.find((column) => column.id === sort)?.id ?? SORT),
    descending: query.get("order") !== "up",
    token: query.get("token") ?? "",
    label: query.get("label") ?? "",
    first: bound("first"),
    last: bound("last"),
    from: bound("from"),
    to: bound("to"),
    dead: query.get("dead") === "1",
  };
}

/** The query of a choice; what is at its default is null, that is, left out. */
export function writeChoice(choice: Choice): Record<string, string | null> {
  const bound = (value: number | null) => (value === null ? null : String(value));
  return {
    sort: choice.sort === SORT ? null : choice.sort,
    order: choice.descending ? null : "up",
    token: choice.token === "" ? null : choice.token,
    label: choice.label === "" ? null : choice.label,
    first: bound(choice.first),
    last: bound(choice.last),
    from: bound(choice.from),
    to: bound(choice.to),
    dead: choice.dead ? "1" : null,
  };
}

/** Columns without which the choice can't be made. */
export function needed(choice: Choice): Stat[] {
  const sort: Stat[] = choice.sort === "index" ? [] : [choice.sort];
  const token: Stat[] = choice.token === "" ? [] : ["top_token"];
  return [...new Set<Stat>([...sort, "density", ...token])];
}

/** Indexes of the latents to show, in order; ties keep the order of the dictionary. `labels` is of each latent. */
export function choose(columns: Columns, vocabulary: Vocabulary, labels: readonly string[], choice: Choice, n: number): Uint32Array {
  const label = choice.label.toLowerCase();
  const types = choice.token === "" ? null : matching(vocabulary, choice.token);
  const low = (choice.from ?? Number.NEGATIVE_INFINITY) / 100;
  const high = (choice.to ?? Number.POSITIVE_INFINITY) / 100;
  const stop = Math.min(n, (choice.last ?? n) + 1);
  const kept = new Uint32Array(n);
  let size = 0;
  for (let i = Math.max(0, choice.first ?? 0); i < stop; i++) {
    const density = columns.density?.[i] ?? 0;
    if (density < low || density > high || (!choice.dead && density === 0)) continue;
    if (types !== null && types[columns.top_token?.[i] ?? 0] !== 1) continue;
    if (label !== "" && !(labels[i] ?? "").toLowerCase().includes(label)) continue;
    kept[size++] = i;
  }
  const values = choice.sort === "index" ? undefined : columns[choice.sort];
  return ordered(kept.slice(0, size), values, choice.descending);
}

function ordered(rows: Uint32Array, values: Columns[Stat], descending: boolean): Uint32Array {
  if (values === undefined) return descending ? rows.reverse() : rows;
  const sign = descending ? -1 : 1;
  return rows.sort((a, b) => sign * ((values[a] ?? 0) - (values[b] ?? 0)) || a - b);
}

/** Marks the token types whose text contains `part`, whatever the case. */
function matching(vocabulary: Vocabulary, part: string): Uint8Array {
  const wanted = part.toLowerCase();
  return Uint8Array.from(vocabulary.text, (_, type) => (textOf(vocabulary, type).toLowerCase().includes(wanted) ? 1 : 0));
}
